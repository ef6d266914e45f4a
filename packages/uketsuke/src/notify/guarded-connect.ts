import type { LookupFunction, Socket } from 'node:net'
import type { buildConnector } from 'undici'
import type { Destinations } from './destinations.ts'
import { ForbiddenDestination, type ResolvedAddress, resolveHost } from './resolver.ts'

export interface ConnectOptions {
  readonly rules: Destinations
  /** An HTTP proxy for all webhooks, which gets CONNECT requests to the validated address. */
  readonly proxy?: URL | undefined
  /** DNS servers, as `address:port`. Default: those of the system. */
  readonly nameServers?: readonly string[] | undefined
  /** How long connecting may take, in milliseconds. Default: 5,000. */
  readonly connectTimeout?: number
}

/**
 * Connects to allowed addresses only (SSRF protection). Every address is validated before a packet is sent, and the remote address of the
 * socket is validated again after connecting. So keep-alive connections lead to validated addresses, too.
 */
export function guardedConnect(build: typeof buildConnector, options: ConnectOptions): buildConnector.connector {
  return (target, callback) => {
    const url = new URL(`${target.protocol}//${target.host ?? target.hostname}`)
    connect(build, options, url, target).then(
      (socket) => callback(null, skipContinue(socket)),
      (error: Error) => callback(error, null),
    )
  }
}

async function connect(
  build: typeof buildConnector,
  { rules, proxy, nameServers, connectTimeout: timeout = 5_000 }: ConnectOptions,
  url: URL,
  target: buildConnector.Options,
): Promise<Socket> {
  const addresses = await resolveHost(url, rules, nameServers)
  if (proxy) return throughProxy(build, proxy, addresses, target, timeout)
  const socket = await open(build({ timeout, ...{ lookup: fixedLookup(addresses) } }), target)
  const refused = rules.refuseAddress(url, socket.remoteAddress ?? '')
  if (refused === null) return socket
  socket.destroy()
  throw new ForbiddenDestination(refused)
}

/** Removes `100 Continue`: undici never asks for it and treats it as a bad response, but some receivers send it anyway. */
function skipContinue(socket: Socket): Socket {
  const read = socket.read.bind(socket)
  socket.read = (size?: number): unknown => {
    const chunk: unknown = read(size)
    return Buffer.isBuffer(chunk) ? withoutContinue(chunk) : chunk
  }
  return socket
}

const interim = /^HTTP\/1\.[01] 100[ \r]/

function withoutContinue(chunk: Buffer): Buffer | null {
  if (!interim.test(chunk.toString('latin1', 0, 13))) return chunk
  const end = chunk.indexOf('\r\n\r\n')
  if (end === -1) return chunk
  const rest = chunk.subarray(end + 4)
  return rest.length === 0 ? null : withoutContinue(rest)
}

/** A `lookup` that returns the validated addresses, so that `net.connect` does not resolve the name again (DNS rebinding). */
function fixedLookup(addresses: readonly ResolvedAddress[]): LookupFunction {
  return (_host, options, callback) => {
    const wanted = addresses.filter(({ family }) => !options.family || options.family === family)
    const [first] = wanted
    if (first === undefined) callback(Object.assign(new Error('No address.'), { code: 'ENOTFOUND' }), '', 0)
    else if (options.all) callback(null, [...wanted])
    else callback(null, first.address, first.family)
  }
}

const open = (connector: buildConnector.connector, target: buildConnector.Options): Promise<Socket> =>
  new Promise((resolve, reject) => {
    connector(target, (error, socket) => (error ? reject(error) : resolve(socket as Socket)))
  })

/** Opens a tunnel to the first address. TLS runs inside the tunnel, between this process and the receiver. */
async function throughProxy(
  build: typeof buildConnector,
  proxy: URL,
  [address]: readonly ResolvedAddress[],
  target: buildConnector.Options,
  timeout: number,
): Promise<Socket> {
  const host = address?.family === 6 ? `[${address.address}]` : address?.address
  const port = target.port || (target.protocol === 'https:' ? '443' : '80')
  const tunnel = await tunnelTo(proxy, `${host}:${port}`, timeout)
  if (target.protocol !== 'https:') return tunnel
  return open(build({ timeout }), { ...target, httpSocket: tunnel })
}

async function tunnelTo(proxy: URL, path: string, timeout: number): Promise<Socket> {
  // Not at the start: this loads all of `fetch` as well, which is 17 MB and 70 ms in Node 24.
  const { request } = await import('node:http')
  return new Promise((resolve, reject) => {
    const { username, password } = proxy
    const basic = `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')}`
    const connectRequest = request({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || 80,
      method: 'CONNECT',
      path,
      headers: { host: path, ...(username && { 'proxy-authorization': basic }) },
      timeout,
      agent: false,
    })
    connectRequest.once('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(Object.assign(new Error(`The proxy responded with ${response.statusCode}.`), { code: 'EPROXY' }))
    })
    connectRequest.once('timeout', () =>
      connectRequest.destroy(Object.assign(new Error('The proxy did not respond.'), { code: 'ETIMEDOUT' })),
    )
    connectRequest.once('error', reject)
    connectRequest.end()
  })
}
