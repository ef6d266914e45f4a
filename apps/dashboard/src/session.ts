import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import type { SessionView } from './api.ts'

export const SessionContext = createContext<SessionView | null>(null)
export const useSession = () => useContext(SessionContext)
/** Until the server has answered, nothing can be changed. */
export const useReadOnly = () => useSession()?.readOnly ?? true
