import { BlockList, isIP } from 'node:net'

/** Which URLs webhooks may go to. */
export interface Destinations {
  /** Why `url` is refused, in a sentence; null where it may be called. */
  refuse(url: URL): string | null
}

/** Not on the public internet: loopback, private, link-local, carrier NAT, multicast, reserved, and what maps IPv4 into IPv6. Two lists, since one takes every IPv4 address for a mapped one. */
const inside = { ipv4: new BlockList(), ipv6: new BlockList() }
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  inside.ipv4.addSubnet(net, bits, 'ipv4')
}
for (const [net, bits] of [
  ['::', 96],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  inside.ipv6.addSubnet(net, bits, 'ipv6')
}

/** Where clouds keep their machines' credentials: refused whatever is allowed, in IPv4 and mapped into IPv6. */
const metadata = new BlockList()
metadata.addSubnet('169.254.0.0', 16, 'ipv4')
metadata.addSubnet('::ffff:169.254.0.0', 112, 'ipv6')
metadata.addSubnet('64:ff9b::169.254.0.0', 112, 'ipv6')

/**
 * Refuses literal addresses that are not public, and `localhost`, unless the exact `host:port` is in `allowHosts`. What a name
 * resolves to is not looked at here.
 */
export function destinations(allowHosts: readonly string[]): Destinations {
  const allowed = new Set(allowHosts)
  return {
    refuse(url) {
      // The URL parser has already turned 2130706433, 0x7f.1 and the like into dotted form.
      const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
      const port = url.port || (url.protocol === 'https:' ? '443' : '80')
      const family = isIP(host) === 6 ? 'ipv6' : 'ipv4'
      if (isIP(host) && metadata.check(host, family)) return 'Webhooks are never sent to link-local addresses.'
      if (allowed.has(`${url.hostname}:${port}`)) return null
      const local = isIP(host)
        ? inside[family].check(host, family)
        : host === 'localhost' || host.endsWith('.localhost')
      return local ? 'Webhooks are not sent to loopback or private addresses.' : null
    },
  }
}
