/** Middleware without types. The tests use it as plain Express or Koa middleware. */
type ExpressMiddleware = import('express').RequestHandler

declare module 'compression' {
  export default function compression(options: object): ExpressMiddleware
}
declare module 'express-session' {
  export default function session(options: object): ExpressMiddleware
}
declare module 'morgan' {
  export default function morgan(format: string, options: object): ExpressMiddleware
}
declare module 'response-time' {
  export default function responseTime(): ExpressMiddleware
}
declare module 'express4' {
  const express: typeof import('express')
  export default express
}
declare module 'koa-bodyparser' {
  export default function bodyParser(): (ctx: import('koa').Context, next: () => Promise<void>) => Promise<void>
}
declare module 'koa' {
  import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
  export interface Context {
    req: IncomingMessage
    res: ServerResponse
    request: { body?: unknown }
    respond: boolean
  }
  export default class Koa {
    use(middleware: (ctx: Context, next: () => Promise<void>) => unknown): this
    callback(): RequestListener
  }
}
