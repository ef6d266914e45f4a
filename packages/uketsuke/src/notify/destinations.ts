import { isIP } from 'node:net'
import { kindOf } from './addresses.ts'

export interface EgressOptions {
  /** `host:port` of receivers to allow although they are not public, with any scheme and port. Default: none. */
  readonly allowHosts?: readonly string[] | undefined
  /** Whether to allow private and loopback addresses. Link-local and metadata addresses are never allowed. Default: false. */
  readonly allowPrivateNetworks?: boolean | undefined
  /** The allowed ports. Default: 80, 443, 8080 and 8443. */
  readonly ports?: readonly number[] | undefined
  /** Whether to reject http. Default: true if `NODE_ENV` is `production`. */
  readonly httpsOnly?: boolean | undefined
}

/** The allowed destinations of webhooks (SSRF protection). */
export interface Destinations {
  /** Returns why `url` is not allowed, in a sentence, or null if it is allowed. Does not resolve names. */
  refuse(url: URL): string | null
  /** The same for an address to which the host of `url` resolved or a socket is connected. */
  refuseAddress(url: URL, address: string): string | null
  /** Whether the system resolves the host, its hosts file included: hosts in `allowHosts`, and internal names if they are allowed. */
  resolvesLocally(url: URL): boolean
}

const defaultPorts = [80, 443, 8_080, 8_443]
const notPublic = 'Webhooks are not sent to loopback or private addresses.'
const never = 'Webhooks are never sent to link-local addresses or metadata services.'

/** Names that are internal by convention (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`), and metadata services by name. */
const internalName = /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home\.arpa|test|invalid|example|onion)$/
const isInternal = (name: string): boolean => internalName.test(name) || !name.includes('.')
const metadataName = /^(metadata|instance-data)(\.|$)/

/**
 * The rules for webhook URLs. They apply to the host as normalized by the WHATWG URL parser, which resolves octal, hexadecimal, short and
 * full-width spellings and percent-encoded letters.
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
    return isInternal(name) ? notPublic : null
  }

  return {
    resolvesLocally: (url) => isNamed(url) || (allowPrivateNetworks && isInternal(hostOf(url))),
    refuseAddress,
    refuse(url) {
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'Webhook URLs must be http or https.'
      if (url.username || url.password) return 'Webhook URLs must not contain a user name or password.'
      const host = hostOf(url)
      const refused = isIP(host) ? refuseAddress(url, host) : refuseName(url, host)
      if (refused || isNamed(url)) return refused
      if (httpsOnly && url.protocol !== 'https:') return 'Webhook URLs must be https.'
      return ports.has(portOf(url)) ? null : `Webhook URLs must use one of the ports ${[...ports].join(', ')}.`
    },
  }
}

const portOf = (url: URL): number => Number(url.port || (url.protocol === 'https:' ? 443 : 80))

/** The host without the brackets of an IPv6 address and the trailing dot of an absolute name. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
