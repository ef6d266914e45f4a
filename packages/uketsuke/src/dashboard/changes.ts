import { UketsukeError, type Violation } from '../domain/errors.ts'
import { isTypeName } from '../domain/identifiers.ts'
import type { Job } from '../domain/job.ts'
import { readObject } from '../http/body.ts'
import { fromFetchRequest } from '../http/request.ts'
import { allOwners } from '../store/port.ts'
import { allTypes } from '../store/records.ts'
import { setPaused, setQuiet } from '../work/presence.ts'
import type { DashboardAction } from './access.ts'
import { act, actOnMany, isJobAction } from './bulk.ts'
import type { DashboardParts } from './parts.ts'
import { filterOf } from './search.ts'
import { segmentsOf } from './segments.ts'

const mostBytes = 65_536
const members = ['operation', 'deliveryId', 'filter', 'cursor', 'until', 'owner', 'since']

/** Carries out what an operator asks for, if `authorize` allows it, and writes it to the audit log. */
export async function change(parts: DashboardParts, request: Request, path: string): Promise<unknown> {
  const [what, id = '', verb = ''] = segmentsOf(path)
  const body = await readObject(fromFetchRequest(request), members, mostBytes)
  if (what === 'jobs' && isJobAction(verb)) return one(parts, request, verb, id, textIn(body, 'operation'))
  if (what === 'jobs' && verb === 'redeliver') return redeliver(parts, request, id, textIn(body, 'deliveryId'))
  if (what === 'bulk' && isJobAction(id)) return many(parts, request, id, body)
  if (what === 'types' && (verb === 'pause' || verb === 'resume')) return pause(parts, request, id, verb)
  if (what === 'schedules' && (verb === 'pause' || verb === 'resume' || verb === 'run'))
    return schedule(parts, request, id, verb)
  if (what === 'workers' && (verb === 'quiet' || verb === 'resume')) return quiet(parts, request, id, verb)
  if (what === 'webhooks' && ['enable', 'disable', 'recover'].includes(verb))
    return webhook(parts, request, id, verb, body)
  throw new UketsukeError('not-found')
}

async function one(
  parts: DashboardParts,
  request: Request,
  action: 'cancel' | 'retry' | 'delete',
  id: string,
  operation: string,
) {
  const { job, actor } = await allowed(parts, request, action, id)
  const created = await act(parts, action, job, operation)
  await parts.audit.write({ actor, action, target: id, detail: created })
  return { jobId: created ?? id }
}

/** Asks first: whoever may not act must not learn which jobs exist. @throws `forbidden`, `job-not-found` */
async function allowed({ access, service }: DashboardParts, request: Request, action: DashboardAction, id: string) {
  const found = await service.find(allOwners, id).then(
    (job) => ({ job, error: null }),
    (error: unknown) => ({ job: null, error }),
  )
  const actor = await access.may(request, action, found.job)
  if (found.job === null) throw found.error
  return { job: found.job, actor }
}

async function redeliver(parts: DashboardParts, request: Request, id: string, deliveryId: string) {
  const { actor } = await allowed(parts, request, 'redeliver', id)
  await parts.service.redeliver(allOwners, id, deliveryId)
  await parts.audit.write({ actor, action: 'redeliver', target: id, detail: deliveryId })
  return {}
}

async function many(parts: DashboardParts, request: Request, action: 'cancel' | 'retry' | 'delete', body: Body) {
  const filter = filterOf(new URLSearchParams(textIn(body, 'filter')), parts.hidden)
  const cursor = body.cursor === null || body.cursor === undefined ? null : textIn(body, 'cursor')
  const batch = { action, operation: textIn(body, 'operation'), until: textIn(body, 'until'), cursor }
  const actor = await parts.access.may(request, action)
  const may = (job: Job) => parts.access.may(request, action, job)
  const { acted, error } = await actOnMany(parts, filter, batch, may)
  const detail = `${acted.done} done, ${acted.skipped} skipped`
  await parts.audit.write({ actor, action, target: `jobs?${textIn(body, 'filter')}`, detail })
  if (error !== null) throw error
  return acted
}

async function pause(
  { access, audit, store, service }: DashboardParts,
  request: Request,
  type: string,
  verb: 'pause' | 'resume',
) {
  if (!isTypeName(type) && type !== allTypes) throw new UketsukeError('not-found')
  const action = `${verb}-type` as const
  const actor = await access.may(request, action)
  await setPaused(store.records, type, verb === 'pause', service.clock.now())
  await audit.write({ actor, action, target: type, detail: null })
  return {}
}

async function schedule(
  { access, audit, schedules }: DashboardParts,
  request: Request,
  name: string,
  verb: 'pause' | 'resume' | 'run',
) {
  const action = `${verb}-schedule` as const
  const actor = await access.may(request, action)
  if (verb === 'run') await schedules.requestRun(name)
  else await schedules[verb](name)
  await audit.write({ actor, action, target: name, detail: null })
  return {}
}

async function quiet({ access, audit, store }: DashboardParts, request: Request, id: string, verb: 'quiet' | 'resume') {
  const action = `${verb}-worker` as const
  const actor = await access.may(request, action)
  if (!(await setQuiet(store.records, id, verb === 'quiet'))) throw new UketsukeError('not-found')
  await audit.write({ actor, action, target: id, detail: null })
  return {}
}

async function webhook(
  { access, audit, service }: DashboardParts,
  request: Request,
  id: string,
  verb: string,
  body: Body,
) {
  const action = verb === 'recover' ? 'recover' : (`${verb}-endpoint` as DashboardAction)
  const owner = textIn(body, 'owner')
  const actor = await access.may(request, action)
  const endpoints = service.endpoints
  if (endpoints === null) throw new UketsukeError('not-found')
  await endpoints.get(owner, id)
  const recovered = verb === 'recover' ? await service.recover(owner, id, sinceIn(body)) : null
  if (verb === 'enable') await endpoints.enable(owner, id)
  if (verb === 'disable') await endpoints.disable(owner, id)
  await audit.write({ actor, action, target: id, detail: recovered === null ? owner : `${owner}: ${recovered} sent` })
  return { recovered }
}

type Body = Record<string, unknown>

function textIn(body: Body, name: string): string {
  const value = body[name]
  return typeof value === 'string' && value.length <= 10_000
    ? value
    : invalid({ pointer: `/${name}`, detail: 'Must be a text.' })
}

function sinceIn(body: Body): number {
  const { since } = body
  return typeof since === 'number' && since >= 0
    ? since
    : invalid({ pointer: '/since', detail: 'Must be a time in milliseconds.' })
}

function invalid(error: Violation): never {
  throw new UketsukeError('validation-error', undefined, { errors: [error] })
}
