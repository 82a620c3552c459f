import type { Graph } from './model.js';
import { escaped, graphSvg, type PictureOptions } from './svg.js';

const style = `
:root{color-scheme:light dark}
html,body{margin:0;height:100%;background:#f6f8fb;font-family:Inter,'Segoe UI',system-ui,sans-serif}
header{position:fixed;top:12px;right:16px;display:flex;gap:8px;z-index:1}
input,button{font:13px system-ui,sans-serif;padding:7px 12px;border-radius:8px;border:1px solid #d5dce6;background:#ffffffee;color:#0f172a}
button{cursor:pointer}main{width:100vw;height:100vh;overflow:hidden;cursor:grab}main:active{cursor:grabbing}
svg{transform-origin:0 0;display:block}
svg.busy .link{opacity:.12}svg.busy .ns{opacity:.35}svg.busy .link.lit,svg.busy .ns.lit{opacity:1}
.link.lit .wire{stroke-width:3}.row.lit .name{font-weight:700}.link,.ns{transition:opacity .12s}
@media (prefers-color-scheme:dark){html,body{background:#0d1420}input,button{background:#172132ee;border-color:#2b3a50;color:#e8eef7}}`;

/** Moves, enlarges, finds, and lights up what is connected to what the pointer is on. */
const script = `
const main=document.querySelector('main'),svg=document.querySelector('svg'),find=document.querySelector('input');
let scale=1,x=0,y=0;
const show=()=>{svg.style.transform='translate('+x+'px,'+y+'px) scale('+scale+')'};
const fit=()=>{const w=svg.viewBox.baseVal.width,h=svg.viewBox.baseVal.height;
scale=Math.min(1.25,main.clientWidth/w,Math.max(main.clientHeight/h,.35));x=Math.max(0,(main.clientWidth-w*scale)/2);y=0;show()};
const zoom=(by,cx,cy)=>{const next=Math.min(4,Math.max(.1,scale*by));x=cx-(cx-x)*next/scale;y=cy-(cy-y)*next/scale;scale=next;show()};
main.addEventListener('wheel',e=>{e.preventDefault();if(e.ctrlKey||e.metaKey)zoom(Math.exp(-e.deltaY/200),e.clientX,e.clientY);else{x-=e.deltaX;y-=e.deltaY;show()}},{passive:false});
let from;main.addEventListener('pointerdown',e=>{from=[e.clientX-x,e.clientY-y];main.setPointerCapture(e.pointerId)});
main.addEventListener('pointermove',e=>{if(from){x=e.clientX-from[0];y=e.clientY-from[1];show()}});
main.addEventListener('pointerup',()=>{from=undefined});
const links=[...document.querySelectorAll('.link')],cards=[...document.querySelectorAll('.ns')];
const cardOf=new Map();for(const row of document.querySelectorAll('.row'))cardOf.set(row.dataset.row,row.closest('.ns'));
const clear=()=>{svg.classList.remove('busy');for(const one of document.querySelectorAll('.lit'))one.classList.remove('lit')};
const light=(rows,card)=>{clear();svg.classList.add('busy');if(card)card.classList.add('lit');
for(const link of links)if(rows.has(link.dataset.from)||rows.has(link.dataset.to)){link.classList.add('lit');
for(const id of [link.dataset.from,link.dataset.to]){const there=cardOf.get(id);if(there){there.classList.add('lit');
there.querySelector('[data-row="'+id+'"]').classList.add('lit')}}}};
svg.addEventListener('pointerover',e=>{if(from||find.value)return;const row=e.target.closest('.row'),card=e.target.closest('.ns');
if(row)light(new Set([row.dataset.row]),card);else if(card)light(new Set([...card.querySelectorAll('.row')].map(r=>r.dataset.row)),card);else clear()});
find.addEventListener('input',()=>{const text=find.value.trim().toLowerCase();clear();if(!text)return;svg.classList.add('busy');
for(const card of cards)if((card.dataset.text+' '+card.textContent.toLowerCase()).includes(text))card.classList.add('lit');
const first=document.querySelector('.ns.lit');if(!first)return;const r=first.getBoundingClientRect();
if(r.top<0||r.bottom>innerHeight||r.left<0||r.right>innerWidth){x+=innerWidth/2-r.left-r.width/2;y+=innerHeight/2-r.top-r.height/2;show()}});
document.querySelector('button').addEventListener('click',()=>{find.value='';clear();fit()});
addEventListener('keydown',e=>{if(e.key==='/'&&document.activeElement!==find){e.preventDefault();find.focus()}if(e.key==='Escape'){find.value='';clear();find.blur()}});
addEventListener('resize',fit);fit();`;

/** The picture as a page to look around in: nothing is loaded from anywhere, and nothing sent. */
export function graphHtml(graph: Graph, options: PictureOptions): string {
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">`,
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${escaped(options.title)}</title><style>${style}</style></head><body>`,
    '<header><input type="search" placeholder="Find (press /)" aria-label="Find a namespace"><button type="button">Fit</button></header>',
    `<main>${graphSvg(graph, options)}</main><script>${script}</script></body></html>`,
  ].join('\n');
}
