import { spawn, execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from "node:fs"
import { mkdtempSync, chownSync, writeFileSync, rmSync } from 'node:fs'
const root='/work/beyond/'
const { postgres } = await import(root+'dist/store/postgres/index.js')
const { groupCommit } = await import(root+'dist/store/group-commit.js')
const { systemClock } = await import(root+'dist/clock.js')
const { create, succeed } = await import(root+'dist/domain/rules.js')
const { change } = await import(root+'dist/domain/change.js')
const url = process.env.URL_ ?? 'postgres://super:secret@127.0.0.1:54999/postgres'
const what = process.argv.slice(2)
const schema = 'b'+Date.now()
const raw = postgres({connectionString:url, schema})(systemClock)
let t0=performance.now()
await raw.migrate(); console.log('open ms', (performance.now()-t0).toFixed(0), raw.description.durability)
const opts = process.env.CAP ? {cap:Number(process.env.CAP), inFlight:Number(process.env.INF??1)} : {}
const store = groupCommit(raw, opts)

function pgcpu(){ let t=0; for (const p of readdirSync('/proc')) if (/^\d+$/.test(p)) try { const c=readFileSync('/proc/'+p+'/cmdline','utf8'); if (!/postgres/.test(c)) continue; const st=readFileSync('/proc/'+p+'/stat','utf8'); const f=st.slice(st.lastIndexOf(')')+2).split(' '); t+=(Number(f[11])+Number(f[12]))*10 } catch {} return t }
let u0,p0
const mark=()=>{u0=process.cpuUsage();p0=pgcpu()}
const cost=(n)=>{const u=process.cpuUsage(u0); console.log('   cpu us per job: node', ((u.user+u.system)/n).toFixed(0), 'pg', ((pgcpu()-p0)*1000/n).toFixed(0))}
let n=0
const mk = () => create({id:String(n++).padStart(26,'0'), type:'report', owner:'ann', input:JSON.stringify({x:'y'.repeat(150)}), maxAttempts:3, retainFor:86400000}, Date.now())
const C=200, SEC=Number(process.env.SEC??4)*1000
async function enqueue(){ mark()
  const end=performance.now()+SEC; let c=0; const lat=[]
  await Promise.all(Array.from({length:C}, async()=>{ while(performance.now()<end){ const a=performance.now(); await store.insert([{job:mk()}]); lat.push(performance.now()-a); c++ } }))
  lat.sort((a,b)=>a-b); console.log('enqueue/s', (c/(SEC/1000)).toFixed(0), 'p50', lat[lat.length>>1].toFixed(1), 'p99', lat[(lat.length*.99)|0].toFixed(1)); cost(c); return c
}
async function drain(max){ mark()
  let left=max, claimed=0; const t=performance.now(); const claims=[]
  await Promise.all(Array.from({length:2}, async(_, w)=>{
    for(;;){ const a=performance.now(); const jobs=await store.claim({queue:'jobs',types:['report'],limit:100,worker:'w'+w,leaseMs:30000}); claims.push(performance.now()-a); if(!jobs.length) break; claimed+=jobs.length
      await Promise.all(jobs.map(j=>store.replace([change(j, succeed(j, Date.now(), '{}'), Date.now())])));
      if(claimed>=max) break }
  }))
  const s=(performance.now()-t)/1000; claims.sort((a,b)=>a-b)
  console.log('claim+complete/s', (claimed/s).toFixed(0), claimed, 'claim p50', claims[claims.length>>1]?.toFixed(1)); cost(claimed)
}
t0=performance.now()
for (let i=0;i<200;i++) await raw.claim({queue:'jobs',types:['report'],limit:100,worker:'w',leaseMs:30000})
console.log('empty claim ms', ((performance.now()-t0)/200).toFixed(2))
for (let r=0;r<3;r++){ const c=await enqueue(); await drain(c) }
await store.close()
