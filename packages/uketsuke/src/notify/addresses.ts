import { BlockList, isIP } from 'node:net'

/**
 * How a server that calls user-supplied URLs classifies an IP address: `public` is allowed, `private` is allowed if the operator permits
 * it, and `never` is never allowed: link-local addresses and cloud metadata services.
 */
export type AddressKind = 'public' | 'private' | 'never'

function list(family: 'ipv4' | 'ipv6', networks: readonly (readonly [string, number])[]): BlockList {
  const made = new BlockList()
  for (const [network, bits] of networks) made.addSubnet(network, bits, family)
  return made
}

/** The IANA special-purpose IPv4 addresses that are not globally reachable, plus multicast and class E. */
const specialIpv4 = list('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
])

/** IPv6 addresses are public only within the global unicast block. */
const globalIpv6 = list('ipv6', [['2000::', 3]])
/** Parts of that block that are not public: protocol assignments with Teredo, documentation, 6to4, AS112. */
const specialIpv6 = list('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['2620:4f:8000::', 48],
  ['3fff::', 20],
])

/** Link-local, and the metadata services of AWS, Azure, Google, Alibaba and Oracle. */
const neverIpv4 = list('ipv4', [
  ['169.254.0.0', 16],
  ['168.63.129.16', 32],
  ['100.100.100.200', 32],
  ['192.0.0.192', 32],
])
const neverIpv6 = list('ipv6', [
  ['fe80::', 10],
  ['fd00:ec2::', 32],
  ['fd20:ce::', 32],
])

/** Classifies an IPv4 or IPv6 address in the syntax of `node:net`. Anything else is `never`. */
export function kindOf(address: string): AddressKind {
  const family = isIP(address)
  if (family === 4) return kindOfIpv4(address)
  if (family !== 6 || address.includes('%')) return 'never'
  if (globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6')) return 'public'
  const never =
    neverIpv6.check(address, 'ipv6') || embeddedIpv4(groupsOf(address)).some((one) => neverIpv4.check(one, 'ipv4'))
  return never ? 'never' : 'private'
}

function kindOfIpv4(address: string): AddressKind {
  if (neverIpv4.check(address, 'ipv4')) return 'never'
  return specialIpv4.check(address, 'ipv4') ? 'private' : 'public'
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const tail = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (high: string, low: string) => ((Number(high) << 8) | Number(low)).toString(16)
  const text = tail ? `${tail[1]}${hex(tail[2]!, tail[3]!)}:${hex(tail[4]!, tail[5]!)}` : address
  const [head = '', rest] = text.split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [left, right] = [parse(head), rest === undefined ? [] : parse(rest)]
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}

/** The IPv4 addresses that an IPv6 address may lead to: mapped, compatible, translated, NAT64 (the last 32 bits), 6to4 and Teredo. */
function embeddedIpv4(groups: readonly number[]): string[] {
  const at = (i: number, flip = 0) => {
    const [high = 0, low = 0] = [(groups[i] ?? 0) ^ flip, (groups[i + 1] ?? 0) ^ flip]
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  const found = [at(6)]
  if (groups[0] === 0x2002) found.push(at(1))
  if (groups[0] === 0x2001 && groups[1] === 0) found.push(at(2), at(6, 0xffff))
  return found
}
