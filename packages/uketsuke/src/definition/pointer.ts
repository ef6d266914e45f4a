import { member, plainText } from '../base/thrown.ts'
import { pointerToken } from '../domain/json.ts'

/** The JSON Pointer (RFC 6901) of a schema's issue; empty for the whole value. Tolerates any issue that a schema library returns. */
export function pointer(issue: unknown): string {
  const path = member(issue, 'path')
  const parts: unknown[] = Array.isArray(path) ? path : []
  const keys = parts.map((part) => plainText(typeof part === 'object' ? member(part, 'key') : part))
  return keys.map((key) => `/${pointerToken(key)}`).join('')
}
