import { useEffect, useRef, useState } from 'preact/hooks'
import { get, type SuggestionsView } from './api.ts'
import { queryOf, textOf, wordOf } from './filter.ts'
import { t } from './language.ts'

const statuses = ['pending', 'running', 'completed', 'failed', 'cancelled']
const mostShown = 8

/** What the word before the caret could become. */
function suggested(word: string, known: SuggestionsView | null): string[] {
  const at = word.lastIndexOf(':')
  const named = (name: string, values: string[]) => values.map((value) => wordOf(name, value))
  const names = ['status:', 'type:', 'owner:', 'id:', 'from:', 'to:', ...(known?.paths.map((path) => `${path}:`) ?? [])]
  const values: Record<string, string[]> = {
    status: named('status', statuses),
    type: named('type', known?.types ?? []),
    owner: named('owner', known?.owners ?? []),
  }
  const all = at === -1 ? names : (values[word.slice(0, at)] ?? [])
  return word === '' ? [] : all.filter((one) => one.startsWith(word) && one !== word).slice(0, mostShown)
}

/** A search box with suggestions for the word that is being typed: a combobox, as ARIA describes it. */
export function SearchBox({ query, onSearch }: { query: URLSearchParams; onSearch(query: URLSearchParams): void }) {
  const [text, setText] = useState(textOf(query))
  const [known, setKnown] = useState<SuggestionsView | null>(null)
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => setText(textOf(query)), [query.toString()])

  const start = text.lastIndexOf(' ') + 1
  const list = open ? suggested(text.slice(start), known) : []
  const take = (suggestion: string) => {
    setText(text.slice(0, start) + suggestion)
    setAt(-1)
    input.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    if (step !== 0 && list.length > 0) {
      event.preventDefault()
      setAt((at + step + list.length) % list.length)
    } else if ((event.key === 'Enter' || event.key === 'Tab') && list[at] !== undefined) {
      event.preventDefault()
      take(list[at])
    } else if (event.key === 'Escape') setOpen(false)
  }
  const submit = (event: Event) => {
    event.preventDefault()
    setOpen(false)
    const wanted = queryOf(text)
    const sort = query.get('sort')
    if (sort !== null) wanted.set('sort', sort)
    onSearch(wanted)
  }
  return (
    <search>
      <form class="search" onSubmit={submit}>
        <input
          ref={input}
          id="search"
          role="combobox"
          aria-label={`${t('search')}. ${t('searchHelp')}`}
          aria-expanded={list.length > 0}
          aria-controls="suggestions"
          aria-autocomplete="list"
          aria-activedescendant={at >= 0 && list[at] !== undefined ? `suggestion-${at}` : undefined}
          placeholder={t('searchHint')}
          title={t('searchHelp')}
          autocomplete="off"
          spellcheck={false}
          value={text}
          onFocus={() => {
            setOpen(true)
            if (known === null) get<SuggestionsView>('suggestions').then(setKnown, () => {})
          }}
          onBlur={() => setOpen(false)}
          onInput={(event) => {
            setText(event.currentTarget.value)
            setOpen(true)
            setAt(-1)
          }}
          onKeyDown={onKeyDown}
        />
        <button type="submit">{t('search')}</button>
        <div id="suggestions" role="listbox" aria-label={t('search')} hidden={list.length === 0}>
          {list.map((one, i) => (
            // biome-ignore lint/a11y/useFocusableInteractive: the focus stays in the combobox.
            <div
              key={one}
              id={`suggestion-${i}`}
              role="option"
              aria-selected={i === at}
              // Before the input loses the focus.
              onMouseDown={(event) => {
                event.preventDefault()
                take(one)
              }}
            >
              {one}
            </div>
          ))}
        </div>
      </form>
    </search>
  )
}
