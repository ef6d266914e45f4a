/** The trace context of the request that created the job: JSON text of `traceparent` and `tracestate`. */
export const trace = `
ALTER TABLE jobs ADD COLUMN trace TEXT;
`
