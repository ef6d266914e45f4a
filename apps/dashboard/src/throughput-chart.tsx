import { useEffect, useRef } from 'preact/hooks'
import UPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { PointView } from './api.ts'
import { count } from './format.ts'
import { language, t } from './language.ts'
import { color, themeChange } from './theme.ts'

const height = 220
const lines = ['completed', 'failed', 'cancelled', 'retried'] as const

/** How many jobs ended in each period, by outcome. */
export function ThroughputChart({ series }: { series: PointView[] }) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const data = useRef<UPlot.AlignedData>([[]])
  data.current = [series.map(({ at }) => at / 1_000), ...lines.map((line) => series.map((point) => point[line]))]

  useEffect(() => {
    const draw = () => {
      plot.current?.destroy()
      if (box.current !== null) plot.current = new UPlot(options(box.current.clientWidth), data.current, box.current)
    }
    draw()
    const resized = new ResizeObserver(() => {
      if (box.current !== null) plot.current?.setSize({ width: box.current.clientWidth, height })
    })
    if (box.current !== null) resized.observe(box.current)
    themeChange.addEventListener('change', draw)
    return () => {
      themeChange.removeEventListener('change', draw)
      resized.disconnect()
      plot.current?.destroy()
    }
  }, [])
  useEffect(() => plot.current?.setData(data.current), [series])

  const sum = (line: (typeof lines)[number]) => count(series.reduce((all, point) => all + point[line], 0))
  const [completed, failed, cancelled, retried] = lines.map(sum)
  const summary = t('chartSummary', completed ?? 0, failed ?? 0, cancelled ?? 0, retried ?? 0)
  return (
    <figure>
      <div ref={box} class="chart" role="img" aria-label={summary} />
      <figcaption>{summary}</figcaption>
    </figure>
  )
}

function options(width: number): UPlot.Options {
  const axis = {
    stroke: color('dim'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { stroke: color('line'), width: 1 },
  }
  return {
    width,
    height,
    cursor: { points: { size: 6 } },
    scales: { y: { range: (_, __, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      {
        ...axis,
        values: (_, times) =>
          times.map((s) => new Date(s * 1_000).toLocaleTimeString(language(), { hour: '2-digit', minute: '2-digit' })),
      },
      axis,
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: t(line),
        stroke: color(line),
        width: 2,
        points: { show: false },
        ...(line === 'completed' && { fill: color(line, 0.13) }),
      })),
    ],
  }
}
