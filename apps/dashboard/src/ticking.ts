import { useEffect, useState } from 'preact/hooks'

/** The server's time: as it was last told, and on from there, second by second. */
export function useTicking(now: number): number {
  const [passed, setPassed] = useState(0)
  useEffect(() => {
    const told = performance.now()
    setPassed(0)
    const timer = setInterval(() => setPassed(performance.now() - told), 1_000)
    return () => clearInterval(timer)
  }, [now])
  return now + passed
}
