import type { Resource } from './fixture.ts';

/**
 * Judges a request by a role's inline policies, as IAM does: refused unless allowed, and a Deny wins. Knows what this
 * project's policies use (StringEquals over ForAllValues and ForAnyValue, "*" in resources) and throws on anything else.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
export interface Request {
  readonly action: string;
  readonly resource: string;
  /** Partition keys that a DynamoDB request names. */
  readonly partitions?: readonly string[];
  /** Top-level attributes that it names, key attributes included. */
  readonly attributes?: readonly string[];
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

export const statementsOf = (role: Resource): readonly Statement[] =>
  (role.Properties.Policies ?? []).flatMap((p: { PolicyDocument: { Statement: Statement[] } }) => p.PolicyDocument.Statement);

export function allows(role: Resource, request: Request): boolean {
  const matching = statementsOf(role).filter((s) => matches(s, request));
  return matching.some((s) => s.Effect === 'Allow') && !matching.some((s) => s.Effect === 'Deny');
}

function matches(s: Statement, request: Request): boolean {
  if (!list(s.Action).includes(request.action)) return false;
  // Resources that are no texts are attributes of the stack's own resources (the log group): no test asks for them.
  const resources = list(s.Resource).filter((r) => typeof r === 'string');
  if (!resources.some((r) => pattern(r).test(request.resource))) return false;
  return Object.entries(s.Condition ?? {}).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => holds(operator, key, list(values), request)),
  );
}

const pattern = (resource: string): RegExp => new RegExp(`^${resource.replaceAll(/[.?+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);

function holds(operator: string, key: string, values: readonly string[], request: Request): boolean {
  const seen = key === 'dynamodb:LeadingKeys' ? request.partitions : key === 'dynamodb:Attributes' ? request.attributes : undefined;
  if (key !== 'dynamodb:LeadingKeys' && key !== 'dynamodb:Attributes') throw new Error(`unknown condition key ${key}`);
  if (operator === 'ForAllValues:StringEquals') return (seen ?? []).every((v) => values.includes(v));
  if (operator === 'ForAnyValue:StringEquals') return (seen ?? []).some((v) => values.includes(v));
  throw new Error(`unknown condition operator ${operator}`);
}
