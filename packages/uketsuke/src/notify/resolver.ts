import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { type Destinations, hostOf } from './destinations.ts'

export interface ResolvedAddress {
  readonly address: string
  readonly family: 4 | 6
}

/** The host is not allowed. The message is for the owner of the job. */
export class ForbiddenDestination extends Error {
  override readonly name = 'ForbiddenDestination'
}

const timeoutMs = 4_000

/**
 * Resolves the host of a URL to all its addresses, all of which are allowed. Uses `dns.lookup`, which shares four threads with the file
 * system, only for hosts that the operator has allowed, so that a DNS server that does not respond delays only its own webhook.
 * @param servers DNS servers, as `address:port`; default: those of the system
 * @throws {ForbiddenDestination} if any address is not allowed: the next lookup could return only that one
 */
export async function resolveHost(
  url: URL,
  rules: Destinations,
  servers?: readonly string[],
): Promise<ResolvedAddress[]> {
  const found = await addressesOf(url, rules, servers)
  for (const { address } of found) {
    const refused = rules.refuseAddress(url, address)
    if (refused) throw new ForbiddenDestination(refused)
  }
  return found
}

async function addressesOf(url: URL, rules: Destinations, servers?: readonly string[]): Promise<ResolvedAddress[]> {
  const host = hostOf(url)
  const family = isIP(host)
  if (family === 4 || family === 6) return [{ address: host, family }]
  if (rules.resolvesLocally(url)) return (await lookup(host, { all: true })) as ResolvedAddress[]
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 })
  if (servers) resolver.setServers(servers)
  const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)])
  // Both queries must succeed: a missing result could contain a forbidden address.
  for (const answer of answers) if (answer.status === 'rejected' && !isAbsent(answer.reason)) throw answer.reason
  const found = answers.flatMap((answer, i) =>
    answer.status === 'rejected' ? [] : answer.value.map((address) => ({ address, family: i === 0 ? 4 : 6 }) as const),
  )
  if (found.length === 0) throw Object.assign(new Error('The name has no address.'), { code: 'ENOTFOUND' })
  return found
}

const isAbsent = (reason: unknown): boolean => ['ENODATA', 'ENOTFOUND'].includes((reason as { code: string }).code)
