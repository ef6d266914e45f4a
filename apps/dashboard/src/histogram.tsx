import { count, duration } from './format.ts'
import { t } from './language.ts'

/** How many attempts took how long. */
export function Histogram({ type, durations }: { type: string; durations: { upTo: number; count: number }[] }) {
  const most = Math.max(1, ...durations.map((one) => one.count))
  const text = durations.map((one) => `≤ ${duration(one.upTo)}: ${count(one.count)}`).join(', ')
  const [bar, height] = [14, 40]
  return (
    <svg
      role="img"
      class="histogram"
      width={Math.max(1, durations.length) * bar}
      height={height}
      aria-label={t('distributionOf', type, text || '–')}
    >
      {durations.map((one, i) => {
        const size = Math.max(1, (one.count / most) * height)
        return (
          <rect key={one.upTo} class="good" x={i * bar} y={height - size} width={bar - 2} height={size}>
            <title>{`≤ ${duration(one.upTo)}: ${count(one.count)}`}</title>
          </rect>
        )
      })}
    </svg>
  )
}
