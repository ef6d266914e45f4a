export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { jobs } = await import('./lib/jobs')
  await jobs.work({ stopOn: ['SIGTERM'] })
}
