import type { Queue } from '../domain/job.ts'
import type { Store } from '../store/port.ts'
import type { Dispatch } from './port.ts'

/** Dispatch by the store alone: hints for this process's own jobs at once, for others' when the store notices their commit. */
export function polling(store: Store): Dispatch {
  const receivers = new Set<{ queue: Queue; hint: () => void }>()
  return {
    announce(jobs) {
      for (const { queue, hint } of receivers) if (jobs.some((job) => job.queue === queue)) hint()
    },
    receive({ queue, hint }) {
      const receiver = { queue, hint: () => hint() }
      receivers.add(receiver)
      const stop = store.onForeignCommit((commit) => {
        if (commit === undefined || commit.waiting.includes(queue)) receiver.hint()
      }, 'work')
      return {
        claimed() {},
        async close() {
          stop()
          receivers.delete(receiver)
        },
      }
    },
  }
}
