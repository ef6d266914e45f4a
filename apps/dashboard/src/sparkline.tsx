import { t } from './language.ts'

const [width, height] = [120, 24]

/** Ended jobs per minute, and those that failed below them. */
export function Sparkline({ points }: { points: { completed: number; failed: number }[] }) {
  const most = Math.max(1, ...points.map(({ completed, failed }) => completed + failed))
  const total = points.reduce((sum, { completed, failed }) => sum + completed + failed, 0)
  const failures = points.reduce((sum, { failed }) => sum + failed, 0)
  const bar = width / points.length
  const scaled = (n: number) => (n / most) * height
  return (
    <svg
      role="img"
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      aria-label={t('sparklineOf', total, failures)}
    >
      {points.map(({ completed, failed }, i) => {
        const [all, bad] = [scaled(completed + failed), scaled(failed)]
        return (
          <g key={i}>
            <rect class="good" x={i * bar} y={height - all} width={bar * 0.8} height={all - bad} />
            <rect class="bad" x={i * bar} y={height - bad} width={bar * 0.8} height={bad} />
          </g>
        )
      })}
    </svg>
  )
}
