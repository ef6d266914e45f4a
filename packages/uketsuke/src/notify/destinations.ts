import { isIP } from 'node:net'
import { kindOf } from './addresses.ts'

export interface EgressOptions {
  /** `host:port` of receivers that may be called though they are not on the public internet, over any scheme and port. */
  readonly allowHosts?: readonly string[] | undefined
  /** Whether private and loopback addresses may be called; false by default. Link-local and metadata addresses never are. */
  readonly allowPrivateNetworks?: boolean | undefined
  /** The ports that may be called; 80, 443, 8080 and 8443 by default. */
  readonly ports?: readonly number[] | undefined
  /** Whether http is refused; by default where NODE_ENV is `production`. */
  readonly httpsOnly?: boolean | undefined
}

/** Where webhooks may go. */
export interface Destinations {
  /** Why `url` is refused, in a sentence; null where it may be called. Names are not resolved here. */
  refuse(url: URL): string | null
  /** The same for an address that the host of `url` was resolved to, or that a socket is connected to. */
  refuseAddress(url: URL, address: string): string | null
  /** Whether the operator has named this host and port. */
  isNamed(url: URL): boolean
}

const defaultPorts = [80, 443, 8_080, 8_443]
const notPublic = 'Webhooks are not sent to loopback or private addresses.'
const never = 'Webhooks are never sent to link-local addresses or metadata services.'

/** Names that lead inside by convention (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`), and metadata services by name. */
const insideName = /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home\.arpa|test|invalid|example|onion)$/
const metadataName = /^(metadata|instance-data)(\.|$)/

/**
 * The rules for webhook URLs. The host is the one that the WHATWG URL parser has made of every other spelling: octal, hexadecimal, short
 * and full-width ones, percent-encoded letters.
 */
export function destinations(options: EgressOptions = {}): Destinations {
  const { allowHosts = [], allowPrivateNetworks = false, httpsOnly = process.env.NODE_ENV === 'production' } = options
  const ports = new Set(options.ports ?? defaultPorts)
  const named = new Set(allowHosts.map((one) => one.toLowerCase()))
  const isNamed = (url: URL) => named.has(`${url.hostname}:${portOf(url)}`)

  function refuseAddress(url: URL, address: string): string | null {
    const kind = kindOf(address)
    if (kind === 'never') return never
    return kind === 'public' || allowPrivateNetworks || isNamed(url) ? null : notPublic
  }

  function refuseName(url: URL, name: string): string | null {
    if (metadataName.test(name)) return never
    if (isNamed(url) || allowPrivateNetworks) return null
    return insideName.test(name) || !name.includes('.') ? notPublic : null
  }

  return {
    isNamed,
    refuseAddress,
    refuse(url) {
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Webhooks go to http and https URLs only.'
      if (url.username || url.password) return 'A webhook URL must not carry a user name or password.'
      const host = hostOf(url)
      const refused = isIP(host) ? refuseAddress(url, host) : refuseName(url, host)
      if (refused || isNamed(url)) return refused
      if (httpsOnly && url.protocol !== 'https:') return 'Webhooks go to https URLs only.'
      return ports.has(portOf(url)) ? null : `Webhooks go to the ports ${[...ports].join(', ')} only.`
    },
  }
}

const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** Without the brackets of an IPv6 address and the dot at the end of an absolute name. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
