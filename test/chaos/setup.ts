import { finally_ } from '../crash/support.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { BadNetwork } from '../servers/proxy.ts'
import { RedisServer } from '../servers/redis.ts'

/** Two proxies to each server, each for half of the processes, so that one half can lose the connection while the other keeps it. */
type Ways = readonly [BadNetwork, BadNetwork]

export interface Setup {
  readonly postgres: PostgresServer
  readonly redis: RedisServer
  readonly ways: { readonly postgres: Ways; readonly redis: Ways }
  /** The addresses of the database and Redis through the proxies of a process. */
  reach(way: number): { database: { connectionString: string; statementTimeout: number }; redisUrl: string }
}

/** PostgreSQL, a persistent Redis, and the proxies between them and their clients. */
export async function setUp(): Promise<Setup> {
  const postgres = await startPostgres()
  finally_(() => postgres.stop())
  const redis = await RedisServer.start('--appendonly', 'yes')
  finally_(() => redis.stop())
  const lay = async (port: number) => {
    const way = await BadNetwork.to(port)
    finally_(() => way.close())
    return way
  }
  const ways = {
    postgres: [await lay(postgres.port), await lay(postgres.port)],
    redis: [await lay(redis.port), await lay(redis.port)],
  } as const
  return {
    postgres,
    redis,
    ways,
    reach(way) {
      const [database, relay] = [ways.postgres[way % 2 === 0 ? 0 : 1], ways.redis[way % 2 === 0 ? 0 : 1]]
      return {
        database: {
          connectionString: postgres.url().replace(`:${postgres.port}`, `:${database.port}`),
          // Shorter than the default, so that processes give up silent connections sooner and a run can have more of them.
          statementTimeout: 5_000,
        },
        redisUrl: `redis://127.0.0.1:${relay.port}`,
      }
    },
  }
}

/** Records irregular changes with triggers: changes of ended jobs, versions that skip or decrease, and deleted jobs. */
export async function watchRows({ postgres }: Setup): Promise<void> {
  const watched = (table: string) =>
    `CREATE TRIGGER changed AFTER INSERT OR UPDATE ON uketsuke.${table} FOR EACH ROW EXECUTE FUNCTION public.compare();`
  const fixed = (table: string, events: string) =>
    `CREATE TRIGGER fixed AFTER ${events} ON uketsuke.${table} FOR EACH ROW EXECUTE FUNCTION public.note();`
  await postgres.query(`
    CREATE TABLE public.irregular (id text, was text, became text);
    CREATE TABLE public.latest (id text COLLATE "C" PRIMARY KEY, state text, version integer);
    CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO public.irregular VALUES (OLD.id, TG_TABLE_NAME, TG_OP);
        RETURN NULL;
      END $$;
    CREATE FUNCTION public.compare() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE was public.latest;
      BEGIN
        SELECT * INTO was FROM public.latest WHERE id = NEW.id;
        IF was.state = 'ended' OR NEW.version NOT IN (was.version + 1, CASE TG_OP WHEN 'UPDATE' THEN was.version ELSE was.version + 1 END) THEN
          INSERT INTO public.irregular VALUES (NEW.id, was.state || ' ' || was.version, TG_TABLE_NAME || ' ' || NEW.version);
        END IF;
        INSERT INTO public.latest VALUES (NEW.id, TG_TABLE_NAME, NEW.version)
          ON CONFLICT (id) DO UPDATE SET state = excluded.state, version = excluded.version;
        RETURN NULL;
      END $$;
    ${['pending', 'running', 'ended'].map(watched).join('\n')}
    ${fixed('accepted', 'UPDATE OR DELETE')}
    ${fixed('ended', 'DELETE')}`)
}
