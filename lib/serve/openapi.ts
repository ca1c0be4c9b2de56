import { keyAttributes } from '../core/key.ts';
import { batchResultsSchema, countPageSchema, discoverySchema, healthSchema, historyPageSchema, problemSchema, statusSchema } from './answers.ts';
import { checkListSchema, checkSchema, diffSchema, findingsPageSchema, orphanPageSchema, orphanSchema, proofSchema } from './answers-checks.ts';
import type { Form } from './body.ts';
import { PROBLEM_TYPE } from './http.ts';
import { TYPE_OF } from './negotiate.ts';
import { bodySchemas } from './openapi-bodies.ts';
import { bodyExample } from './openapi-examples.ts';
import type { DocumentFacts } from './openapi-facts.ts';
import { historyParameters } from './openapi-history.ts';
import { optionParameters } from './openapi-options.ts';
import { ANSWER_HEADERS, componentName, PARAMETERS, PROBLEM_HEADERS } from './openapi-parts.ts';
import type { Json, JsonSchema } from './openapi-values.ts';
import { keyParameter, PREFIX, refTo, valueSchemas } from './openapi-values.ts';
import { componentsOf } from './openapi-zod.ts';
import type { ProblemCode } from './problem.ts';
import { PROBLEMS } from './problem.ts';
import type { Answer, ContentName, Route } from './route.ts';

/**
 * The OpenAPI 3.1 document of a member's API (https://spec.openapis.org/oas/v3.1.1.html), made from the route table, the
 * zod schemas that read bodies, and the key of the set. Pure.
 */

/** Version of the API; its first number is that of the stage. */
export const API_VERSION = '1.0.0';

const FORMS: readonly Form[] = ['plain', 'dynamodb'];

/** Problems that every route may answer with. */
const COMMON: readonly ProblemCode[] = ['unauthorized', 'insufficient-scope', 'issuer-unreachable', 'deploying', 'internal'];

/** Statuses that the gateway answers with before anything of ours runs. */
const GATEWAY: Readonly<Record<number, string>> = {
  400: 'the gateway cannot read the request',
  403: 'the signature is wrong or missing, or IAM does not allow the request',
  413: 'the request has more than 10 MB',
  429: 'too many requests: more than the stage, or the usage plan of the API key, lets in',
  500: 'the gateway failed',
  502: 'the function failed',
  504: 'the function did not answer within 29 s',
};

/** Content whose component is the same in both forms. */
const SAME_IN_BOTH: Readonly<Partial<Record<ContentName, string>>> = { 'batch-results': 'BatchResults', 'count-page': 'CountPage' };
/** Content that has but one form. */
const JSON_ONLY: Readonly<Partial<Record<ContentName, JsonSchema>>> = {
  health: refTo('Health'),
  discovery: refTo('Discovery'),
  status: refTo('Status'),
  proof: refTo('Proof'),
  'check-list': refTo('CheckList'),
  check: refTo('Check'),
  'findings-page': refTo('FindingsPage'),
  openapi: { type: 'object' },
};
/** Content that has a component a form. */
const BY_FORM: Readonly<Partial<Record<ContentName, string>>> = {
  item: 'Item',
  patch: 'Patch',
  batch: 'Batch',
  query: 'Query',
  count: 'Count',
  'query-page': 'Page',
  'history-page': 'HistoryPage',
  'orphan-page': 'OrphanPage',
  orphan: 'Orphan',
  diff: 'Diff',
};

/** Makes the document. */
export function openApiDocument(routes: readonly Route[], facts: DocumentFacts): JsonSchema {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    (paths[route.path] as Record<string, Json>)[route.method.toLowerCase()] = operation(route, facts);
  }
  return {
    openapi: '3.1.1',
    info: {
      title: `Syncline: ${facts.set}`,
      version: API_VERSION,
      summary: 'Items of a replica set',
      description: `The items of the replica set "${facts.set}", a DynamoDB table with copies in several regions. Any member takes any request: writes find their way to the primary, reads come from the member that is asked.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: serversOf(facts),
    tags: [
      { name: 'Items', description: 'One item, or many, by key. Every key value can be written in the query string.' },
      { name: 'Queries', description: 'The items of one partition.' },
      {
        name: 'Checks',
        description: 'Whether the members are equal: what is known, what checks have found, and what was written past the primary. Nothing is begun here.',
      },
      { name: 'Service', description: 'The service itself.' },
    ],
    security: [security(facts, 'read')],
    paths,
    components: {
      schemas: schemasOf(facts),
      parameters: Object.fromEntries(Object.entries(PARAMETERS).map(([name, parameter]) => [componentName(name), parameter])),
      headers: Object.fromEntries(Object.entries(ANSWER_HEADERS).map(([name, header]) => [componentName(name), header])),
      securitySchemes: {
        sigv4: {
          type: 'apiKey',
          name: 'Authorization',
          in: 'header',
          description:
            'AWS Signature Version 4 of the service `execute-api`, as `aws4fetch`, `curl --aws-sigv4` and the AWS SDKs make it. The caller needs `execute-api:Invoke`.',
          'x-amazon-apigateway-authtype': 'awsSigv4',
        },
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token of the configured issuer, with a scope for what is done.' },
      },
    },
  };
}

/** Where the API is. Without a known URL: where the document is. */
function serversOf({ servers }: DocumentFacts): Json {
  if (servers.length === 0) return [{ url: '.', description: 'The member that this document came from' }];
  return servers.map(({ url, member, region }) => ({ url, description: member === region ? region : `${member} (${region})` }));
}

/** What a route asks of its caller. OpenAPI 3.1 lets every scheme name scopes; with IAM there are none. */
const security = ({ auth }: DocumentFacts, scope: Route['scope']): JsonSchema => (auth.type === 'iam' ? { sigv4: [] } : { bearer: [auth.scopes[scope]] });

function operation(route: Route, facts: DocumentFacts): JsonSchema {
  const parameters: Json[] = [
    ...(route.key === undefined ? [] : keyAttributes(facts.key).map((attribute) => keyParameter(attribute, route.key === 'required'))),
    ...historyParameters(route.query ?? [], facts.key),
    ...optionParameters(route.options ?? []),
    ...(route.headers ?? []).map((name): Json => ({ $ref: `#/components/parameters/${componentName(name)}` })),
  ];
  return {
    operationId: route.id,
    tags: [route.tag],
    summary: route.summary,
    description: route.description,
    security: [security(facts, route.scope)],
    ...(parameters.length > 0 && { parameters }),
    ...(route.body !== undefined && { requestBody: { required: true, content: bodyOf(route.body, facts) } }),
    responses: responsesOf(route),
  };
}

function responsesOf(route: Route): JsonSchema {
  const answers = Object.entries(route.answers).map(([status, answer]): [string, Json] => [status, answerOf(answer, route.method === 'HEAD')]);
  return { ...problemsOf(route), ...Object.fromEntries(answers) };
}

function answerOf({ description, content, headers }: Answer, bare: boolean): JsonSchema {
  return {
    description,
    ...(headers !== undefined && { headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${componentName(name)}` }])) }),
    ...(content !== undefined && !bare && { content: contentOf(content) }),
  };
}

/** A response a status that problems have. Its description names them. */
function problemsOf(route: Route): Record<string, Json> {
  const byStatus = new Map<number, string[]>(Object.entries(GATEWAY).map(([status, what]) => [Number(status), [what]]));
  for (const code of new Set([...COMMON, ...route.problems])) {
    const [status, title] = PROBLEMS[code];
    byStatus.set(status, [`\`${code}\`: ${title}`, ...(byStatus.get(status) ?? [])]);
  }
  const bare = route.method === 'HEAD';
  return Object.fromEntries(
    [...byStatus].map(([status, said]): [string, Json] => [
      String(status),
      {
        description: said.join('. '),
        ...(status === 503 && { headers: PROBLEM_HEADERS }),
        ...(!bare && { content: { [PROBLEM_TYPE]: { schema: refTo('Problem') } } }),
      },
    ]),
  );
}

function contentOf(name: ContentName): JsonSchema {
  if (name === 'page') return { 'text/html': { schema: { type: 'string' } } };
  const json = JSON_ONLY[name];
  if (json !== undefined) return { [TYPE_OF.plain]: { schema: json } };
  return Object.fromEntries(FORMS.map((form) => [TYPE_OF[form], { schema: refTo(SAME_IN_BOTH[name] ?? `${PREFIX[form]}${BY_FORM[name]}`) }]));
}

/** A request's body, with an example a form. */
function bodyOf(name: ContentName, { key }: DocumentFacts): JsonSchema {
  const content = contentOf(name);
  return Object.fromEntries(
    FORMS.map((form) => {
      const example = bodyExample(name, key, form);
      return [TYPE_OF[form], { ...(content[TYPE_OF[form]] as JsonSchema), ...(example !== undefined && { example }) }];
    }),
  );
}

function schemasOf({ key }: DocumentFacts): JsonSchema {
  const same = componentsOf([problemSchema, batchResultsSchema, countPageSchema, healthSchema, discoverySchema, statusSchema]);
  const checks = componentsOf([proofSchema, checkListSchema, checkSchema, findingsPageSchema], undefined, typedKey);
  const perForm = FORMS.map((form) => ({
    ...componentsOf([historyPageSchema, orphanPageSchema, orphanSchema, diffSchema], (id) => `${PREFIX[form]}${id}`),
    ...bodySchemas(key, form),
    ...valueSchemas(key, form),
    [`${PREFIX[form]}Page`]: pageOf(form, same['CountPage']),
  }));
  return Object.assign({}, ...perForm, same, checks) as JsonSchema;
}

/** Keys in reports are in DynamoDB JSON, whatever is accepted. Of what it checks by a function, zod knows no more. */
const typedKey: NonNullable<Parameters<typeof componentsOf>[2]> = (schema) => (schema._zod.def.type === 'custom' ? refTo('TypedKey') : undefined);

/** A page of a query: its counts, and items. */
function pageOf(form: Form, counts: JsonSchema | undefined): JsonSchema {
  return {
    ...counts,
    description: 'A page of items.',
    properties: { items: { type: 'array', items: refTo(`${PREFIX[form]}Part`) }, ...(counts?.['properties'] as JsonSchema) },
    required: ['items', ...((counts?.['required'] ?? []) as string[])],
  };
}
