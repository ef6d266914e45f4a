const commonOptions = `  --store <path>    SQLite file (default: ./jobs.db); ignored when DATABASE_URL is set
  --schema <name>   PostgreSQL schema (default: uketsuke)`

const databaseUrl = `  DATABASE_URL      job store: postgres://..., sqlite:<path> or file:<path>`
const redisUrl = `  REDIS_URL         redis://... for wake-ups and change notifications between processes
                    (default: the job store provides them)`

export const help: Readonly<Record<string, string>> = {
  '': `Usage: uketsuke <command> [options]

Commands:
  serve     Serve the jobs API, run jobs, or both
  work      Run jobs only: the same as "serve --role worker"
  migrate   Create or update a store's schema, or copy all jobs to another store
  doctor    Check Node.js, the store, Redis and the clocks for problems
  keys      Create, list and revoke API keys
  jobs      List, show, follow, cancel, retry and delete jobs
  schedules List, pause, resume, run and remove schedules
  pause     Keep workers from claiming jobs of a type, or of all types
  resume    Let them claim again
  top       Show what waits and runs, live
  prune     Delete jobs whose retention is over
  bench     Measure how fast this machine accepts and runs jobs

Options:
  -h, --help   Show help; "uketsuke <command> --help" describes a command
  --version    Show the version

Exit codes: 0 success, 1 failure, 2 usage error or unusable store or configuration.`,

  serve: `Usage: uketsuke serve --jobs <file> [options]

Serve the jobs API, run jobs, or both. SIGTERM and SIGINT shut the process down gracefully: running jobs get 25 seconds.
A second signal, after a second or later, ends it at once with exit code 1.

Options:
  --jobs <file>     module whose default export is defineJobs({ jobs, authenticate?, webhooks?, ... });
                    TypeScript requires Node.js 22.18 or later, or a loader (required)
  --role <role>     all, api (serve only) or worker (run jobs only) (default: all)
  --port <number>   port to listen on; 0 selects a free port (default: 3000)
  --host <address>  address to listen on (default: 127.0.0.1)
  --concurrency <number>
                    maximum number of jobs that run at the same time in this process (default: 10)
  --management-port <number>
                    serve /livez, /readyz and /metrics on this port, without authentication; also with --role worker
                    (default: none)
  --management-host <address>
                    address of the management port (default: 127.0.0.1)
  --dashboard <read|write>
                    serve the operators' dashboard at /dashboard; "write" allows actions. On an address other than
                    loopback it needs UKETSUKE_DASHBOARD_PASSWORD (default: none)
  --mcp             serve the job types that have "mcp" as tools of the Model Context Protocol at /mcp
  --api-keys        accept the API keys of "uketsuke keys"
                    (one owner may make 1,000 requests per second unless the module sets quotas)
  --allow-anonymous
                    serve without authentication, on a loopback address only
  --config <file>   JSON object with any of these options, such as { "port": 8080 }
${commonOptions}

What the command line leaves out comes from a variable such as UKETSUKE_PORT for --port, then from the file of --config.

Examples:
  uketsuke serve --jobs ./jobs.js --port 8080 --dashboard read
  uketsuke serve --jobs ./jobs.js --role worker --concurrency 50 --management-port 9464

Environment:
  UKETSUKE_DASHBOARD_PASSWORD
                    password of the dashboard (HTTP Basic, any user name), 12 characters or more
${databaseUrl}
${redisUrl}
  UKETSUKE_SECRET_KEY
                    encrypts the secrets of registered webhook endpoints: the base64 of 32 random bytes
  UKETSUKE_JWT_ISSUER, UKETSUKE_JWT_AUDIENCE, UKETSUKE_JWT_ALGORITHMS, UKETSUKE_JWT_JWKS_URL
                    accept JSON Web Tokens; algorithms such as RS256,ES256`,

  work: `Usage: uketsuke work --jobs <file> [options]

Run jobs, and serve no API. The same as "uketsuke serve --role worker"; see "uketsuke serve --help".

Examples:
  uketsuke work --jobs ./jobs.js --concurrency 50`,

  keys: `Usage: uketsuke keys create --owner <owner> [options]
       uketsuke keys list [--owner <owner>]
       uketsuke keys revoke <id>

Manage the API keys in the store, for "uketsuke serve --api-keys" and createJobs({ apiKeys: true }). "create" prints the
key once; only a hash is stored. A revoked key stops working within five seconds, and its event streams end.

Options:
  --owner <owner>   the owner of the jobs that the key creates and sees (required by create)
  --scopes <list>   jobs:create, jobs:read, jobs:cancel, webhooks:manage, admin
                    (default: jobs:create,jobs:read,jobs:cancel)
  --name <text>     a name for people
  --expires <when>  90d, 12h or an ISO 8601 time (default: never)
  --json            print JSON
${commonOptions}

Examples:
  uketsuke keys create --owner acme --scopes jobs:create,jobs:read --expires 90d
  curl -H "Authorization: Bearer $KEY" http://127.0.0.1:3000/api/jobs

Environment:
${databaseUrl}`,

  jobs: `Usage: uketsuke jobs ls [--status <list>] [--type <type>] [options]
       uketsuke jobs show <id> [options]
       uketsuke jobs tail <id> [options]
       uketsuke jobs cancel|retry|rm <id>... [options]

Look at the jobs in a store and act on them, as its operator. "ls" lists the newest first. "show" prints a job with its
input, its attempts with their stack traces, and its webhooks. "tail" follows a job and its log
to its end. "retry" creates a new job from one that has ended; "rm" deletes one that has ended.

Options:
  --owner <owner>   only the jobs of this owner (default: all)
  --status <list>   pending, running, completed, failed, cancelled; several separated by commas
  --type <type>     only this job type
  --limit <number>  from 1 to 100 (default: 20)
  --json            print JSON; "tail" prints one line for each state
${commonOptions}

Examples:
  uketsuke jobs ls --status failed
  uketsuke jobs show 01M86245A9Q90JQFYJ844BSX81
  uketsuke jobs retry $(uketsuke jobs ls --status failed --json | jq -r '.[].jobId')

Environment:
  NO_COLOR          print without colors
${databaseUrl}
${redisUrl}`,

  schedules: `Usage: uketsuke schedules ls [options]
       uketsuke schedules pause|resume|run|rm <name>... [options]

Look at the schedules in a store and act on them, as its operator. "ls" shows the last run and the next five of each. "run"
has a worker create a job now, besides those of the schedule. "rm" removes a schedule that was made at run time; one that is
declared in code is removed there.

Options:
  --json            print JSON ("ls" only)
${commonOptions}

Examples:
  uketsuke schedules ls
  uketsuke schedules pause nightly-report

Environment:
${databaseUrl}
${redisUrl}`,

  pause: `Usage: uketsuke pause <type>... [options]
       uketsuke pause --all [options]

Keep workers from claiming jobs of these types, or of any type. They follow within a second. Jobs that run go on, new
jobs are accepted, and webhooks are sent.

Options:
  --all             all types
${commonOptions}

Examples:
  uketsuke pause report
  uketsuke pause --all

Environment:
${databaseUrl}
${redisUrl}`,

  resume: `Usage: uketsuke resume <type>... [options]
       uketsuke resume --all [options]

Let workers claim jobs of these types again. --all ends "uketsuke pause --all"; types that are paused by name stay paused.

Options:
  --all             all types
${commonOptions}

Examples:
  uketsuke resume --all

Environment:
${databaseUrl}
${redisUrl}`,

  top: `Usage: uketsuke top [options]

Show the number of jobs and webhooks in each status, and what waits and runs by job type, until Ctrl-C.

Options:
  --interval <seconds>
                    how often to look (default: 2)
  --once            look once
  --json            print one line of JSON for each look
${commonOptions}

Examples:
  uketsuke top --store ./jobs.db

Environment:
  NO_COLOR          print without colors
${databaseUrl}`,

  prune: `Usage: uketsuke prune [options]

Delete all jobs whose retention is over, with their attempts, logs and webhooks, in small batches. Workers do the same
once a minute.

Options:
  --json            print JSON
${commonOptions}

Examples:
  uketsuke prune --store ./jobs.db

Environment:
${databaseUrl}`,

  bench: `Usage: uketsuke bench [options]

Measure how fast this machine accepts and runs jobs that do nothing: in a SQLite file of its own, or in the schema
uketsuke_bench of the database of DATABASE_URL, which stays there.

Options:
  --count <number>  number of jobs (default: 10000)
  --concurrency <number>
                    maximum number of jobs that run at the same time (default: 50)
  --schema <name>   PostgreSQL schema (default: uketsuke_bench)
  --json            print JSON

Examples:
  uketsuke bench --count 100000

Environment:
${databaseUrl}`,

  migrate: `Usage: uketsuke migrate [options]
       uketsuke migrate --from <url> --to <url> [options]

Without --from and --to, create the schema or update it to the current version.

With --from and --to, copy all jobs with their attempts, idempotency keys and webhooks to another store. Job ids
stay the same. Stop all servers and workers on both stores first. To resume an interrupted migration, run the same
command again. After the migration the source store is locked.

Options:
  --from <url>      source store: postgres://... or sqlite:<path>
  --to <url>        target store: postgres://... or sqlite:<path>
  --from-schema <name>
                    PostgreSQL schema of the source store (default: uketsuke)
  --json            print JSON
${commonOptions}

Examples:
  uketsuke migrate --from sqlite:jobs.db --to postgres://user:password@host/database

Environment:
${databaseUrl}`,

  doctor: `Usage: uketsuke doctor [options]

Check Node.js, the store, Redis and the clocks. Print one line for each check: ok, warn or FAIL. Change nothing.
The exit code is 1 if any check fails.

Options:
  --json            print JSON
${commonOptions}

Examples:
  DATABASE_URL=postgres://user:password@host/database uketsuke doctor

Environment:
${databaseUrl}
${redisUrl}`,
}
