/** A jobs module without `authenticate`. */
import jobs from './jobs.mjs'

export default { ...jobs, authenticate: undefined }
