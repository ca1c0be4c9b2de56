import type { Resource } from './fixture.ts';

/**
 * Judges a request by a role's inline policies, or by a resource's own, as IAM does: refused unless allowed, and a Deny
 * wins. Knows what this project's policies use ("*" in resources, and the conditions in `holds`) and throws on anything else.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export interface Request {
  readonly action: string;
  readonly resource: string;
  /** Partition keys that a DynamoDB request names. */
  readonly partitions?: readonly string[];
  /** Top-level attributes that it names, key attributes included. */
  readonly attributes?: readonly string[];
  /** The prefix that a list of a bucket names. */
  readonly prefix?: string;
  /** The service that calls in the caller's place. */
  readonly via?: string;
  /** ARN of the caller's role, for a resource's policy. */
  readonly caller?: string;
  /** Whether it came over TLS. Default: it did. */
  readonly tls?: boolean;
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

export const statementsOf = (role: Resource): readonly Statement[] =>
  (role.Properties.Policies ?? []).flatMap((p: { PolicyDocument: { Statement: Statement[] } }) => p.PolicyDocument.Statement);

export const allows = (role: Resource, request: Request): boolean => judge(statementsOf(role), request) === 'allowed';

/** Whether a resource's own policy lets a caller from another account in. */
export const letsIn = (policy: { readonly Statement: readonly Statement[] }, request: Request & { readonly caller: string }): boolean =>
  judge(
    policy.Statement.filter((s) => names(s.Principal, request.caller)),
    request,
  ) === 'allowed';

/** Whether a resource's own policy refuses a request whatever else says. */
export const refuses = (policy: { readonly Statement: readonly Statement[] }, request: Request): boolean => judge(policy.Statement, request) === 'refused';

function judge(statements: readonly Statement[], request: Request): 'allowed' | 'refused' | 'neither' {
  const matching = statements.filter((s) => matches(s, request));
  if (matching.some((s) => s.Effect === 'Deny')) return 'refused';
  return matching.some((s) => s.Effect === 'Allow') ? 'allowed' : 'neither';
}

/** Whether a principal element means a role's account. Roles are never named there: they may not exist yet. */
function names(principal: unknown, caller: string): boolean {
  if (principal === '*') return true;
  const accounts = list((principal as { AWS?: string | string[] }).AWS ?? []).map((arn) => (arn === '*' ? arn : /^arn:aws:iam::(\d{12}):root$/.exec(arn)?.[1]));
  if (accounts.includes(undefined)) throw new Error(`unknown principal ${JSON.stringify(principal)}`);
  return accounts.includes('*') || accounts.includes(caller.split(':')[4]);
}

function matches(s: Statement, request: Request): boolean {
  if (!list(s.Action).some((action) => pattern(action).test(request.action))) return false;
  // Resources that are no texts are attributes of the stack's own resources (the log group): no test asks for them.
  const resources = list(s.Resource).filter((r) => typeof r === 'string');
  if (!resources.some((r) => pattern(r).test(request.resource))) return false;
  return Object.entries(s.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => holds(operator, key, list(values), request)),
  );
}

const pattern = (resource: string): RegExp => new RegExp(`^${resource.replaceAll(/[.?+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);

function holds(operator: string, key: string, values: readonly string[], request: Request): boolean {
  if (key === 'dynamodb:LeadingKeys' || key === 'dynamodb:Attributes') {
    const seen = (key === 'dynamodb:LeadingKeys' ? request.partitions : request.attributes) ?? [];
    if (operator === 'ForAllValues:StringEquals') return seen.every((v) => values.includes(v));
    if (operator === 'ForAnyValue:StringEquals') return seen.some((v) => values.includes(v));
  }
  // Of a list without a prefix the condition key is not there, so it does not match.
  if (key === 's3:prefix' && operator === 'StringLike') return values.some((v) => request.prefix !== undefined && pattern(v).test(request.prefix));
  if (key === 'kms:ViaService' && operator === 'StringEquals') return request.via !== undefined && values.includes(request.via);
  if (key === 'aws:PrincipalArn' && operator === 'ArnEquals') return request.caller !== undefined && values.includes(request.caller);
  if (key === 'aws:SecureTransport' && operator === 'Bool') return values.includes(String(request.tls ?? true));
  throw new Error(`unknown condition ${operator} ${key}`);
}
