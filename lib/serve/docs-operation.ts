import { block, escaped, pretty, prose, table } from './docs-html.ts';
import type { DocumentFacts } from './openapi-facts.ts';
import type { Json, JsonSchema } from './openapi-values.ts';

/** One operation of the page: what it does, what it takes, curl, what it answers. */

/** An operation of the document, with where it stands. */
export interface Documented {
  readonly method: string;
  readonly path: string;
  readonly operation: JsonSchema;
}

/** The operations of a document, in its order. */
export function operationsOf(document: JsonSchema): readonly Documented[] {
  return Object.entries(document['paths'] as JsonSchema).flatMap(([path, methods]) =>
    Object.entries(methods as JsonSchema).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation: operation as JsonSchema })),
  );
}

export const verb = (method: string): string => `<span class="verb ${method.toLowerCase()}">${method}</span>`;

/** What a part of the document is, where it may be a reference. */
function resolved(document: JsonSchema, part: Json): JsonSchema {
  const ref = (part as JsonSchema)['$ref'];
  if (typeof ref !== 'string') return part as JsonSchema;
  return ref
    .split('/')
    .slice(1)
    .reduce<Json>((at, name) => (at as JsonSchema)[name] ?? {}, document) as JsonSchema;
}

const FORMS = [
  { type: 'application/json', classes: 'in-plain', label: 'plain JSON' },
  { type: 'application/x-amz-json-1.0', classes: 'in-typed', label: 'DynamoDB JSON' },
] as const;

/** The operation as an article. */
export function operationArticle(document: JsonSchema, facts: DocumentFacts, { method, path, operation }: Documented): string {
  const parameters = ((operation['parameters'] ?? []) as Json[]).map((parameter) => resolved(document, parameter));
  const body = operation['requestBody'] === undefined ? undefined : ((operation['requestBody'] as JsonSchema)['content'] as JsonSchema);
  const scope = scopeOf(operation);
  return `<article id="${escaped(String(operation['operationId']))}">
<h3>${verb(method)} <span class="path">${escaped(path)}</span> <span class="what">${prose(String(operation['summary']))}</span>${scope === undefined ? '' : ` <span class="scope">scope ${escaped(scope)}</span>`}</h3>
<p>${prose(String(operation['description']))}</p>
${parameters.length === 0 ? '' : table(['Parameter', 'In', 'What'], parameters.map(parameterRow))}
${curls(facts, method, path, parameters, body)}
<details><summary>Answers</summary>${table(['Status', 'What'], Object.entries(operation['responses'] as JsonSchema).map(responseRow))}</details>
</article>`;
}

/** With tokens, the scope's name with the issuer. */
function scopeOf(operation: JsonSchema): string | undefined {
  const [first] = operation['security'] as readonly JsonSchema[];
  const [scope] = Object.values(first ?? {}).flat();
  return typeof scope === 'string' ? scope : undefined;
}

const parameterRow = (p: JsonSchema): readonly string[] => [
  `<code>${escaped(String(p['name']))}</code>${p['required'] === true ? ' <span class="need">needed</span>' : ''}`,
  escaped(String(p['in'])),
  prose(String(p['description'])),
];

function responseRow([status, response]: [string, Json]): readonly string[] {
  return [`<span class="status ${Number(status) < 400 ? 'ok' : 'bad'}">${status}</span>`, prose(String((response as JsonSchema)['description']))];
}

/** curl for the operation: with a signature and with a token, with a body in either form. The buttons at the top choose which is shown. */
function curls(facts: DocumentFacts, method: string, path: string, parameters: readonly JsonSchema[], body: JsonSchema | undefined): string {
  const query = parameters
    .filter((p) => p['in'] === 'query' && p['required'] === true)
    .map((p) => `${encodeURIComponent(String(p['name']))}=${encodeURIComponent(String(p['example']))}`)
    // Signatures are over sorted parameters, and older versions of curl do not sort.
    .sort()
    .join('&');
  const whole = parameters.filter((p) => p['in'] === 'path').reduce((at, p) => at.replace(`{${p['name']}}`, encodeURIComponent(String(p['example']))), path);
  const url = `"$API${whole}${query === '' ? '' : `?${query}`}"`;
  const http = method === 'GET' ? [] : method === 'HEAD' ? ['--head'] : [`-X ${method}`];
  const shown = body === undefined ? [undefined] : FORMS;
  return shown
    .flatMap((form) => {
      const example = form === undefined ? undefined : (body?.[form.type] as JsonSchema | undefined)?.['example'];
      const sent =
        form === undefined || example === undefined ? [] : [`-H 'content-type: ${form.type}'`, `-d '${pretty(example, '  ').replaceAll("'", "'\\''")}'`];
      const label = form === undefined ? '' : `, ${form.label}`;
      return [
        block(`curl, signed${label}`, command([...http, ...signed(facts.region), ...sent, url]), `by-iam ${form?.classes ?? ''}`),
        block(`curl, with a token${label}`, command([...http, '-H "authorization: Bearer $TOKEN"', ...sent, url]), `by-jwt ${form?.classes ?? ''}`),
      ];
    })
    .join('\n');
}

/** What makes curl sign a request. */
export const signed = (region: string): readonly string[] => [
  `--aws-sigv4 "aws:amz:${region}:execute-api"`,
  '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
  '-H "x-amz-security-token: $AWS_SESSION_TOKEN"',
];

export const command = (parts: readonly string[]): string => `curl ${parts.join(' \\\n  ')}`;
