/** Computes for 2 seconds, without a pause. */
export default function compute(): number {
  const end = Date.now() + 2_000
  let sum = 0
  while (Date.now() < end) sum += Math.sqrt(sum + 1)
  return sum
}
