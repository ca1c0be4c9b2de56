import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { TraceEvent, TraceHeader } from '../trace.ts';

/** The picture of a trace as one file: the page, its style, its script and the trace itself. */

/**
 * Most events of one page. About 90 MB, which a browser still opens in some seconds; more would come near the longest
 * string that V8 makes (512 Mi characters). Of a longer trace the newest are kept: a violation ends a run.
 */
export const PAGE_EVENTS_MAX = 300_000;

const PAGE = join(import.meta.dirname, 'page');

interface Assets {
  readonly template: string;
  readonly style: string;
  readonly script: string;
}

let made: Assets | undefined;

/** The page's parts, made once: the script is bundled, with the same modules that the tests call. */
function assets(): Assets {
  if (made !== undefined) return made;
  const result = buildSync({
    entryPoints: [join(PAGE, 'page.js')],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: 'silent',
  });
  const script = result.outputFiles[0]?.text;
  if (script === undefined) throw new Error('The bundler made no script of page.js.');
  const style = readFileSync(join(PAGE, 'page.css'), 'utf8');
  // Inside these elements only such a text ends them; a bundler writes `<\/script` in strings.
  if (/<\/script|<!--/i.test(script)) throw new Error('The page’s script holds "</script" or "<!--", which would end it early. Write it in two parts.');
  if (/<\/style/i.test(style)) throw new Error('The page’s style holds "</style", which would end it early.');
  made = { template: readFileSync(join(PAGE, 'page.html'), 'utf8'), style, script };
  return made;
}

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text for HTML, inside an element or a quoted attribute. */
export const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (c) => ESCAPES[c] ?? c);

/**
 * JSON for a `<script type="application/json">` element. "<" is the only character that can end the element or start a
 * comment in it; inside JSON it stands in strings only, where it may be written as an escape.
 */
export const embedJson = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c');

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * The picture of a trace: ONE HTML file that needs nothing else. Its own policy (Content-Security-Policy) lets it run
 * this script and use this style, and load nothing.
 * @param events in the order in which they happened. More than PAGE_EVENTS_MAX are cut: the newest stay, and the page says so.
 * @returns the same text for the same trace.
 */
export function viewHtml(header: TraceHeader, events: readonly TraceEvent[]): string {
  const { template, style, script } = assets();
  const left = Math.max(0, events.length - PAGE_EVENTS_MAX);
  const shown = left === 0 ? events : events.slice(left);
  const policy = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'`;
  const title = `Seed ${header.seed}${header.violation === undefined ? '' : ` · ${header.violation.rule} broken`} · Syncline trace`;
  // An event a line: the file can be searched and cut with the usual tools.
  const trace = `{"header":${embedJson(header)},"left":${left},"events":[\n${shown.map(embedJson).join(',\n')}\n]}`;
  return fill(template, [
    ['<meta http-equiv="Content-Security-Policy" content="', policy],
    ['<title>', escapeHtml(title)],
    ['<style>', style],
    ['<script id="trace" type="application/json">', trace],
    ['<script>', script],
  ]);
}

/** Puts each text right after its place in the template. What was put in is not searched again. */
function fill(template: string, parts: readonly (readonly [place: string, text: string])[]): string {
  let rest = template;
  let page = '';
  for (const [place, text] of parts) {
    const end = rest.indexOf(place) + place.length;
    if (end < place.length) throw new Error(`page.html has no ${place}, or not in the order that html.ts fills.`);
    page += rest.slice(0, end) + text;
    rest = rest.slice(end);
  }
  return page + rest;
}
