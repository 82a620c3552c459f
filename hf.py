import subprocess,time,sys,os
cmds=[l.rstrip('\n') for l in open(sys.argv[1]) if l.strip()]
n=int(sys.argv[2])
env={'PATH':os.environ['PATH'],'HOME':'/root'}
T={c:[] for c in cmds}
for i in range(n):
  for c in cmds:
    t=time.perf_counter(); subprocess.run(c.split(),env=env,stdin=subprocess.DEVNULL,stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL); T[c].append((time.perf_counter()-t)*1e3)
for c in cmds:
  s=sorted(T[c]); print(f'{s[0]:6.1f} {s[len(s)//2]:6.1f}  {c}')
