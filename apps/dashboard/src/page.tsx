import type { ComponentChildren } from 'preact'
import type { JobStatus } from './api.ts'
import { ago, duration, time } from './format.ts'
import { t } from './language.ts'
import type { Live } from './live.ts'
import { useTicking } from './ticking.ts'

/** The heading of a page, and what it shows while there are no data. */
export function Page<T extends { now: number }>(props: {
  title: ComponentChildren
  live: Live<T>
  tools?: ComponentChildren
  /** Shown without data too. */
  above?: ComponentChildren
  children(data: T): ComponentChildren
}) {
  const { data, error, slowedTo } = props.live
  const now = useTicking(data?.now ?? 0)
  return (
    <>
      <div class="row heading">
        <h1 tabIndex={-1}>{props.title}</h1>
        {slowedTo !== null && <span class="badge warn">{t('slowed', duration(slowedTo))}</span>}
        <div class="spring" />
        {props.tools}
      </div>
      {props.above}
      {error !== null && (
        <p class="problem" role="alert">
          {t('failedToLoad', error.message)}
        </p>
      )}
      {data === null ? error === null && <p class="dim">{t('loading')}</p> : props.children({ ...data, now })}
    </>
  )
}

export const Status = ({ status }: { status: JobStatus | 'exhausted' }) => (
  <span class={`status ${status === 'exhausted' ? 'failed' : status}`}>
    {t(status === 'exhausted' ? 'failed' : status)}
  </span>
)

/** A time, relative to the server's clock. */
export const Ago = ({ at, now }: { at: number | null; now: number }) =>
  at === null ? (
    <>–</>
  ) : (
    <time dateTime={new Date(at).toISOString()} title={time(at)}>
      {ago(at, now)}
    </time>
  )

/** A table that scrolls sideways on a narrow screen. */
export function Table({
  label,
  head,
  children,
}: {
  label: string
  head: ComponentChildren[]
  children: ComponentChildren
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {head.map((one, i) => (
              <th key={i} scope="col">
                {one}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  )
}
