import { readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the build puts the pages, from the sources and from `dist` alike. A bundler would take a literal URL for an asset. */
const folder = join(dirname(fileURLToPath(import.meta.url)), '../../pages')

export const security = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

const types: Record<string, string> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The page. It loads everything else by paths relative to its own. */
export async function page(): Promise<Response> {
  const html = await readFile(join(folder, 'index.html'), 'utf8').catch(() => null)
  if (html === null) return new Response('The pages of the dashboard are not built.\n', { status: 404 })
  return new Response(html, {
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-cache', ...security },
  })
}

/** A file whose name contains a hash of its content. Null if there is none. */
export async function asset(name: string): Promise<Response | null> {
  const type = /^[\w-]+\.(?:js|css|svg)$/.test(name) ? types[extname(name)] : undefined
  const body = type === undefined ? null : await readFile(join(folder, assetFolder, name)).catch(() => null)
  if (type === undefined || body === null) return null
  return new Response(new Uint8Array(body), {
    headers: { 'Content-Type': type, 'Cache-Control': 'public, max-age=31536000, immutable', ...security },
  })
}

export const assetFolder = 'dashboard-assets'
