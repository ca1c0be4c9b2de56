import { createHash } from 'node:crypto';

/** How the page looks: its one style sheet. Light or dark as the reader's system is. */
export const STYLE = `
:root{color-scheme:light dark;--paper:light-dark(#fbfaf7,#14161a);--card:light-dark(#fff,#1b1e24);--ink:light-dark(#1d2126,#e6e4df);--soft:light-dark(#5c6570,#9aa3ae);
--line:light-dark(#e3dfd6,#2c313a);--accent:light-dark(#0b6a6f,#5ec8c4);--code:light-dark(#f3f1eb,#101216);--get:light-dark(#1d5fae,#7db4f5);--put:light-dark(#8a5a00,#e5b25a);
--delete:light-dark(#a8322a,#f08b80);--post:light-dark(#2e7038,#83cf8d);--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;
font:16px/1.55 ui-sans-serif,system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:4.5rem}@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--paper);color:var(--ink)}a{color:var(--accent);text-underline-offset:.2em}
code,pre{font-family:var(--mono);font-size:.86em}:not(pre)>code{background:var(--code);border:1px solid var(--line);border-radius:4px;padding:.05em .3em;overflow-wrap:anywhere}
.skip{position:absolute;left:-99em}.skip:focus{left:1rem;top:1rem;background:var(--card);padding:.5rem;z-index:9}
.bar{position:sticky;top:0;z-index:5;display:flex;flex-wrap:wrap;gap:.4rem 1.5rem;align-items:center;padding:.6rem clamp(1rem,3vw,2rem);background:color-mix(in srgb,var(--paper) 92%,transparent);backdrop-filter:blur(8px);border-bottom:1px solid var(--line)}
.bar strong{margin-right:auto;letter-spacing:-.01em}.bar strong span{color:var(--soft);font-weight:400}
fieldset{border:0;margin:0;padding:0;display:flex;align-items:center;gap:.5rem}legend{float:left;color:var(--soft);font-size:.85rem;padding:0;margin-right:.2rem}
.choice{display:inline-flex;border:1px solid var(--line);border-radius:999px;background:var(--card);overflow:hidden}
.choice input{position:absolute;opacity:0;width:1px;height:1px}.choice label{padding:.2rem .8rem;font-size:.85rem;cursor:pointer;color:var(--soft)}
.choice input:checked+label{background:var(--accent);color:var(--paper)}.choice input:focus-visible+label{outline:2px solid var(--accent);outline-offset:-4px}
.frame{display:grid;grid-template-columns:15rem minmax(0,1fr);gap:clamp(1rem,4vw,3.5rem);max-width:76rem;margin:0 auto;padding:0 clamp(1rem,3vw,2rem)}
nav{position:sticky;top:3.6rem;align-self:start;max-height:calc(100vh - 3.6rem);overflow:auto;padding:1.6rem 0;font-size:.9rem}
nav h2{font-size:.75rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:1.2rem 0 .3rem}nav h2:first-child{margin-top:0}nav ul{list-style:none;margin:0;padding:0}
nav a{display:flex;gap:.6rem;align-items:baseline;padding:.22rem 0;color:inherit;text-decoration:none}nav a:hover{color:var(--accent)}nav .verb{width:3.3rem}
main{padding:1.6rem 0 5rem;min-width:0}h1{font-size:clamp(1.7rem,4vw,2.4rem);line-height:1.15;letter-spacing:-.02em;margin:.4rem 0 .6rem;text-wrap:balance}
main>section>h2{font-size:1.35rem;letter-spacing:-.01em;margin:3rem 0 .4rem;padding-top:1.2rem;border-top:1px solid var(--line)}h4{margin:1.2rem 0 .4rem;font-size:.8rem;color:var(--soft);font-weight:600}
p{max-width:44rem;margin:.5rem 0}.lead{font-size:1.08rem;color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;gap:.4rem 2rem;margin:1.2rem 0;padding:0}.facts div{display:flex;flex-direction:column}.facts dt{font-size:.78rem;color:var(--soft)}.facts dd{margin:0;font-weight:600;overflow-wrap:anywhere}
article{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1.1rem clamp(.9rem,2.5vw,1.5rem) 1.3rem;margin:1.1rem 0}
article>h3{display:flex;flex-wrap:wrap;align-items:baseline;gap:.3rem .7rem;margin:0;font-size:1.05rem}article>h3 .path{font-family:var(--mono);font-size:.95rem;overflow-wrap:anywhere}article>h3 .what{color:var(--soft);font-weight:400}
.scope{margin-left:auto;font-size:.75rem;font-weight:500;color:var(--soft);border:1px solid var(--line);border-radius:999px;padding:.05rem .6rem}
.verb{font:600 .78rem/1.6 var(--mono);color:var(--get)}.verb.put,.verb.patch{color:var(--put)}.verb.delete{color:var(--delete)}.verb.post{color:var(--post)}
.block{margin:.7rem 0;border:1px solid var(--line);border-radius:8px;overflow:hidden;background:var(--code)}figcaption{font-size:.76rem;color:var(--soft);padding:.3rem .8rem;border-bottom:1px solid var(--line)}
pre{margin:0;padding:.7rem .8rem;overflow-x:auto;line-height:1.5;tab-size:2}.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}th{text-align:left;font-weight:600;color:var(--soft);font-size:.78rem}th,td{padding:.35rem .9rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}td:first-child{white-space:nowrap}td:first-child code{overflow-wrap:normal}tr:last-child td{border-bottom:0}
.status{font:600 .86rem var(--mono)}.status.ok{color:var(--post)}.status.bad{color:var(--delete)}.need{color:var(--soft);font-size:.8rem}
details{margin-top:.9rem}summary{cursor:pointer;font-size:.85rem;color:var(--soft)}summary:hover{color:var(--accent)}
body:has(#as-jwt:checked) .by-iam,body:has(#as-iam:checked) .by-jwt,body:has(#in-typed:checked) .in-plain,body:has(#in-plain:checked) .in-typed{display:none}
@media(max-width:60rem){.frame{grid-template-columns:minmax(0,1fr)}nav{position:static;max-height:none;padding:1rem 0 0}nav,nav ul{display:flex;flex-wrap:wrap;gap:0 1.1rem}nav h2{display:none}nav .verb{width:auto}nav a{padding:.35rem 0}html{scroll-padding-top:7rem}main{padding-top:0}.scope{margin-left:0}td:first-child{white-space:normal}}
@media print{.bar,nav{display:none}.frame{display:block}article{break-inside:avoid}}
`;

const HASH = createHash('sha256').update(STYLE).digest('base64');

/** Headers of the page. Nothing is loaded, run, framed or sent anywhere: the one style sheet is let in by its hash. */
export const HTML_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'private, no-cache',
};
