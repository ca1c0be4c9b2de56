import { block, escaped, pretty, prose, table } from './docs-html.ts';
import type { Documented } from './docs-operation.ts';
import { command, operationArticle, operationsOf, signed, verb } from './docs-operation.ts';
import { STYLE } from './docs-style.ts';
import type { DocumentFacts } from './openapi-facts.ts';
import type { Json, JsonSchema } from './openapi-values.ts';
import { PROBLEMS } from './problem.ts';

/**
 * The OpenAPI document as one page to read, without a script: two pairs of buttons choose how requests are signed and
 * which JSON is shown, and CSS does the rest. Pure.
 */
export function docsPage(document: JsonSchema, facts: DocumentFacts): string {
  const info = document['info'] as JsonSchema;
  const tags = document['tags'] as readonly JsonSchema[];
  const operations = operationsOf(document);
  const of = (tag: JsonSchema): readonly Documented[] =>
    operations.filter(({ operation }) => (operation['tags'] as readonly Json[]).includes(tag['name'] ?? ''));
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(String(info['title']))}</title><style>${STYLE}</style></head>
<body>
<a class="skip" href="#top">To the content</a>
<header class="bar"><strong>Syncline <span>${escaped(facts.set)}</span></strong>${choices(facts)}</header>
<div class="frame">
<nav aria-label="Contents">${navigation(tags, of)}</nav>
<main id="top">
${introduction(info, facts)}
${tags
  .map(
    (tag) =>
      `<section><h2 id="tag-${escaped(String(tag['name']))}">${escaped(String(tag['name']))}</h2><p>${prose(String(tag['description']))}</p>${of(tag)
        .map((o) => operationArticle(document, facts, o))
        .join('\n')}</section>`,
  )
  .join('\n')}
${values()}
${bodies(document)}
${errors()}
</main>
</div>
</body>
</html>`;
}

const option = (name: string, id: string, label: string, checked: boolean): string =>
  `<input type="radio" name="${name}" id="${id}"${checked ? ' checked' : ''}><label for="${id}">${label}</label>`;

/** How requests are signed (the way that this API takes comes first), and which JSON is shown. */
function choices({ auth }: DocumentFacts): string {
  const jwt = auth.type === 'jwt';
  return `<fieldset><legend>Sign with</legend><span class="choice">${option('as', 'as-iam', 'SigV4', !jwt)}${option('as', 'as-jwt', 'Token', jwt)}</span></fieldset>
<fieldset><legend>JSON</legend><span class="choice">${option('in', 'in-plain', 'Plain', true)}${option('in', 'in-typed', 'DynamoDB', false)}</span></fieldset>`;
}

const link = (href: string, label: string): string => `<li><a href="#${escaped(href)}">${label}</a></li>`;

function navigation(tags: readonly JsonSchema[], of: (tag: JsonSchema) => readonly Documented[]): string {
  const groups = tags.map((tag) => {
    const links = of(tag).map(({ method, path, operation }) => link(String(operation['operationId']), `${verb(method)} ${escaped(path)}`));
    return `<h2>${escaped(String(tag['name']))}</h2><ul>${links.join('')}</ul>`;
  });
  const more = [link('values', 'Values in JSON'), link('bodies', 'Bodies'), link('errors', 'Errors')];
  return `<h2>Start</h2><ul>${link('start', 'First request')}</ul>${groups.join('')}<h2>Reference</h2><ul>${more.join('')}</ul>`;
}

function introduction(info: JsonSchema, facts: DocumentFacts): string {
  const { auth, servers, key } = facts;
  const [own] = servers;
  const attribute = (a: { name: string; type: string }): string => `<code>${escaped(a.name)}</code> ${a.type}`;
  const fact = (name: string, value: string): string => `<div><dt>${name}</dt><dd>${value}</dd></div>`;
  const others =
    servers.length < 2
      ? ''
      : `<h4>Members</h4>${table(
          ['Member', 'URL'],
          servers.map((s) => [escaped(s.member), `<code>${escaped(s.url)}</code>`]),
        )}`;
  return `<h1>The items of “${escaped(facts.set)}”</h1>
<p class="lead">${prose(String(info['description']))}</p>
<dl class="facts">${fact('Member', escaped(facts.member))}${fact('Region', escaped(facts.region))}${fact('Key', [key.partition, ...(key.sort === undefined ? [] : [key.sort])].map(attribute).join(', '))}${fact('Callers prove who they are by', auth.type === 'iam' ? 'AWS signatures (IAM)' : `tokens of ${escaped(auth.issuer)}`)}${fact('Document', '<a href="openapi.json">openapi.json</a>')}</dl>
${others}
<section><h2 id="start">First request</h2>
<p>Put the URL of the API into <code>API</code>, then ask whether the member is well. The buttons at the top choose which examples this page shows.</p>
${block('The API’s URL', `export API=${own?.url ?? 'https://…/v1'}`)}
${block('curl, signed', command([...signed(facts.region), '"$API/health"']), 'by-iam')}
${block('curl, with a token', command(['-H "authorization: Bearer $TOKEN"', '"$API/health"']), 'by-jwt')}
<p class="by-iam">The caller needs the right <code>execute-api:Invoke</code>. With a long-lived key, leave the header <code>x-amz-security-token</code> out.${auth.type === 'jwt' ? ' This API takes tokens, not signatures.' : ''}</p>
<p class="by-jwt">${auth.type === 'jwt' ? `Tokens come from <code>${escaped(auth.issuer)}</code>, for the audience <code>${escaped(auth.audience)}</code>. Their scopes: <code>${escaped(auth.scopes.read)}</code> to read, <code>${escaped(auth.scopes.write)}</code> to write, <code>${escaped(auth.scopes.admin)}</code> for both, for the status and for checks.` : 'This API takes signatures, not tokens: no issuer is configured.'}</p>
</section>`;
}

/** The two forms of values, side by side. */
function values(): string {
  const rows = [
    ['String', '"Ulm"', '{"S":"Ulm"}'],
    ['Number, up to 38 digits', '12.50', '{"N":"12.50"}'],
    ['Boolean, null', 'true, null', '{"BOOL":true}, {"NULL":true}'],
    ['List', '[1, "a"]', '{"L":[{"N":"1"},{"S":"a"}]}'],
    ['Map', '{"a": 1}', '{"M":{"a":{"N":"1"}}}'],
    ['Binary', '{"$binary": "AAEC"}', '{"B":"AAEC"}'],
    ['Set of strings', '{"$stringSet": ["a"]}', '{"SS":["a"]}'],
    ['Set of numbers', '{"$numberSet": [1, 2]}', '{"NS":["1","2"]}'],
    ['Set of binaries', '{"$binarySet": ["AAEC"]}', '{"BS":["AAEC"]}'],
    ['Map whose one name begins with $', '{"$map": {"$a": 1}}', '{"M":{"$a":{"N":"1"}}}'],
  ];
  return `<section><h2 id="values">Values in JSON</h2>
<p><code>Content-Type</code> says which form a body has, <code>Accept</code> which form the answer gets. Nothing is lost in either: numbers keep every digit. A parser that reads numbers as doubles may lose some, though; where that matters, use DynamoDB JSON.</p>
${table(
  ['Type', '<code>application/json</code>', '<code>application/x-amz-json-1.0</code>'],
  rows.map(([type, ...forms]) => [escaped(type ?? ''), ...forms.map((form) => `<code>${escaped(form)}</code>`)]),
)}</section>`;
}

/** What bodies are made of: the components that a reader meets by name. */
function bodies(document: JsonSchema): string {
  const schemas = (document['components'] as JsonSchema)['schemas'] as JsonSchema;
  const names = ['PlainPatch', 'PlainBatch', 'PlainQuery', 'PlainCount', 'PlainCondition', 'Path'];
  const shown = names.flatMap((name) => (schemas[name] === undefined ? [] : [[name.replace('Plain', ''), schemas[name] as JsonSchema] as const]));
  return `<section><h2 id="bodies">Bodies</h2><p>Field by field. The whole of it, in the words of JSON Schema, is in <a href="openapi.json">openapi.json</a>.</p>${shown.map(([name, schema]) => component(name, schema)).join('\n')}</section>`;
}

function component(name: string, schema: JsonSchema): string {
  const properties = Object.entries((schema['properties'] ?? {}) as JsonSchema);
  const required = (schema['required'] ?? []) as readonly Json[];
  const rows = properties.map(([field, of]) => [
    `<code>${escaped(field)}</code>${required.includes(field) ? ' <span class="need">needed</span>' : ''}`,
    prose(`${typeText(of as JsonSchema)}${(of as JsonSchema)['description'] === undefined ? '' : `. ${String((of as JsonSchema)['description'])}`}`),
  ]);
  const variants = variantsOf(schema).map((v) => [`<code>${escaped(v)}</code>`]);
  return `<article id="body-${escaped(name)}"><h3>${escaped(name)}</h3><p>${prose(String(schema['description'] ?? ''))}</p>
${rows.length === 0 ? '' : table(['Field', 'What'], rows)}${variants.length === 0 ? '' : table(['One of'], variants)}${((schema['examples'] ?? []) as Json[]).map((e) => block('For example', pretty(e))).join('')}</article>`;
}

/** A schema in a few words. */
function typeText(schema: JsonSchema): string {
  const ref = schema['$ref'];
  if (typeof ref === 'string') return (ref.split('/').at(-1) ?? '').replace(/^(Plain|Typed)/, '');
  if (schema['const'] !== undefined) return JSON.stringify(schema['const']);
  if (Array.isArray(schema['enum'])) return schema['enum'].map((e: Json) => `\`${String(e)}\``).join(', ');
  if (schema['type'] === 'array') return `list of ${typeText((schema['items'] ?? {}) as JsonSchema)}`;
  if (schema['anyOf'] !== undefined || schema['oneOf'] !== undefined)
    return variantsOf(schema)
      .map((v) => `\`${v}\``)
      .join(' or ');
  return String(schema['type'] ?? 'value');
}

/** The alternatives of a schema, each as an outline: `{ path, op: "between", from, to }`. */
function variantsOf(schema: JsonSchema): readonly string[] {
  return ((schema['anyOf'] ?? schema['oneOf'] ?? []) as readonly JsonSchema[]).flatMap((of) => {
    if (of['properties'] === undefined) return of['anyOf'] === undefined && of['oneOf'] === undefined ? [typeText(of)] : variantsOf(of);
    const required = (of['required'] ?? []) as readonly Json[];
    const fields = Object.entries(of['properties'] as JsonSchema).map(([name, property]) => {
      const is = property as JsonSchema;
      const value =
        is['const'] !== undefined
          ? `: ${JSON.stringify(is['const'])}`
          : Array.isArray(is['enum'])
            ? `: ${is['enum'].map((e: Json) => JSON.stringify(e)).join(' | ')}`
            : '';
      return `${name}${required.includes(name) ? '' : '?'}${value}`;
    });
    return [`{ ${fields.join(', ')} }`];
  });
}

function errors(): string {
  const rows = Object.entries(PROBLEMS).map(([code, [status, title]]) => [
    `<code>${escaped(code)}</code>`,
    `<span class="status bad">${status}</span>`,
    escaped(title),
  ]);
  return `<section><h2 id="errors">Errors</h2>
<p>Every error is a problem document (RFC 9457). <code>type</code> ends in the code, <code>detail</code> says what was wrong and what to do, <code>errors</code> names the places in the input, and <code>instance</code> is the request’s id, under which the logs have more. With 503 comes <code>Retry-After</code>.</p>
${block('For example', pretty({ type: 'urn:syncline:problem:precondition-failed', title: PROBLEMS['precondition-failed'][1], status: 412, detail: 'If-Match does not hold: there is no such item.', instance: 'urn:syncline:request:…' }))}
${table(['Code', 'Status', 'What'], rows)}</section>`;
}
