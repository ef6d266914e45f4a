import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UketsukeError } from '../../domain/errors.ts'
import { page, script } from '../openapi/reference-page.ts'
import type { HttpResponse } from '../response.ts'
import type { Route } from '../route.ts'

/** Where the build puts Swagger UI, from the sources and from `dist` alike. A bundler would take a literal URL for an asset. */
const folder = join(dirname(fileURLToPath(import.meta.url)), '../../../reference')

const security = {
  // Swagger UI sets style attributes and has images in its styles.
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

/** The API reference. It holds nothing of the server: the page requests `openapi.json` with the reader's own credential. */
export const reference: readonly Route[] = ['/docs' as const, '/docs/{asset}' as const].map((path) => ({
  method: 'GET',
  path,
  public: true,
  scope: null,
  query: [],
  produces: null,
  operation: { operationId: 'getReference', summary: 'Get the API reference.', responses: {} },
  async handle({ itemId, options }) {
    if (options.docs === false) throw new UketsukeError('not-found')
    return itemId === '' ? response('text/html', page, 'no-cache') : asset(itemId)
  },
}))

/** @throws `not-found` */
async function asset(name: string): Promise<HttpResponse> {
  if (name === 'page.js') return response('text/javascript', script, 'no-cache')
  if (name === 'ui.js') return response('text/javascript', await text('swagger-ui-bundle.js'), 'public, max-age=86400')
  if (name === 'ui.css') return response('text/css', await text('swagger-ui.css'), 'public, max-age=86400')
  throw new UketsukeError('not-found')
}

/** @throws `not-found` if the package was bundled into another program, without its files */
async function text(name: string): Promise<string> {
  try {
    return await readFile(join(folder, name), 'utf8')
  } catch (error) {
    throw new UketsukeError('not-found', undefined, { cause: error })
  }
}

const response = (type: string, body: string, caching: string): HttpResponse => ({
  status: 200,
  headers: { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': caching, ...security },
  body,
})
