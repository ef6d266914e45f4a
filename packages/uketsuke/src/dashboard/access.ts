import { assertConfiguration } from '../base/assert.ts'
import { UketsukeError } from '../domain/errors.ts'
import type { Job, JobStatus } from '../domain/job.ts'

export const dashboardActions = [
  'view',
  'cancel',
  'retry',
  'delete',
  'redeliver',
  'recover',
  'enable-endpoint',
  'disable-endpoint',
  'pause-type',
  'resume-type',
  'pause-schedule',
  'resume-schedule',
  'run-schedule',
  'quiet-worker',
  'resume-worker',
] as const

/** What somebody wants to do in the dashboard. `view` is everything that changes nothing. */
export type DashboardAction = (typeof dashboardActions)[number]

export interface DashboardOptions {
  /**
   * Decides about each request, for each job that it would change: true allows it, false responds with 403. An object allows it and names
   * the operator for the audit log. A `Response`, such as a redirect to a login page, is sent as it is. If it throws, the response is 500.
   */
  authorize(wanted: {
    request: Request
    action: DashboardAction
    /** The job that the action would change; null for anything else. */
    job: { jobId: string; type: string; owner: string; status: JobStatus } | null
  }): Verdict | Promise<Verdict>
  /** Whether the dashboard only shows. Default: true, unless the environment variable `NODE_ENV` is `development`. */
  readOnly?: boolean
  /**
   * What is not shown, such as `input.password`, `input.cards.*.number`, `output` or `metadata`. A `*` stands for any one member. Hidden
   * values cannot be searched for either.
   */
  hide?: readonly string[]
}

export type Verdict = boolean | { name: string } | Response

/** Thrown to send a response of the user's own. */
export class Answer extends Error {
  readonly response: Response

  constructor(response: Response) {
    super('authorize() responded')
    this.response = response
  }
}

export interface Access {
  readonly readOnly: boolean
  /**
   * Resolves with the name of the operator, empty if it is not known.
   * @throws `forbidden`; {@link Answer}
   */
  may(request: Request, action: DashboardAction, job?: Job | null): Promise<string>
}

/** @throws {UketsukeError} `invalid-configuration` */
export function accessOf({ authorize, readOnly }: DashboardOptions): Access {
  assertConfiguration(typeof authorize === 'function', 'dashboard(): authorize must be a function')
  assertConfiguration(
    readOnly === undefined || typeof readOnly === 'boolean',
    'dashboard(): readOnly must be true or false',
  )
  const shows = readOnly ?? process.env.NODE_ENV !== 'development'
  return {
    readOnly: shows,
    async may(request, action, job = null) {
      if (shows && action !== 'view') throw new UketsukeError('forbidden', 'This dashboard is read-only.')
      if (action !== 'view') assertSameOrigin(request)
      const about = job && { jobId: job.id, type: job.type, owner: job.owner, status: job.status }
      const verdict = await authorize({ request, action, job: about })
      if (verdict instanceof Response) throw new Answer(verdict)
      // Fail closed: anything but true or an object with a name is a refusal.
      if (verdict === true) return ''
      if (typeof verdict === 'object' && typeof verdict?.name === 'string') return verdict.name
      throw new UketsukeError('forbidden', 'You may not do this.')
    },
  }
}

/** The header that the pages send with every change. A form of another site cannot set it, and a script would have to ask first. */
export const changeHeader = 'uketsuke-dashboard'

/** @throws `forbidden` for a request that another site may have caused */
function assertSameOrigin({ headers }: Request): void {
  const site = headers.get('sec-fetch-site')
  if (headers.get(changeHeader) === '1' && (site === null || site === 'same-origin')) return
  throw new UketsukeError('forbidden', 'The request does not come from the dashboard.')
}
