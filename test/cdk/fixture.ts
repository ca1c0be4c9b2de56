import { readFileSync } from 'node:fs';
import type { Stack } from 'aws-cdk-lib';
import { App, RemovalPolicy } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { ReplicaSetProps } from '../../cdk/replica-set.ts';
import { ReplicaSet } from '../../cdk/replica-set.ts';

/** The context of cdk.json: its feature flags change templates, so tests use the same. */
export const CONTEXT = (JSON.parse(readFileSync(new URL('../../cdk.json', import.meta.url), 'utf8')) as { context: Record<string, unknown> }).context;

export const ACCOUNT = '123456789012';
export const REGIONS = ['eu-central-1', 'us-east-1', 'ap-southeast-2'] as const;
export const KEY = { partition: { name: 'country', type: 'S' }, sort: { name: 'cityId', type: 'N' } } as const;

/** Templates need no bundles: what a function runs is not what these tests are about. */
export const code = (): Code => Code.fromInline('exports.handler = async () => undefined;');

export const newApp = (): App => new App({ context: CONTEXT });

export const PROPS: ReplicaSetProps = { set: 'cities', account: ACCOUNT, members: REGIONS.map((region) => ({ region })), key: KEY, code };

export function replicaSet(props: Partial<ReplicaSetProps> = {}, app = newApp()): ReplicaSet {
  return new ReplicaSet(app, 'ReplicaSet', { ...PROPS, ...props });
}

export const LOCAL = { account: '000000000000', removalPolicy: RemovalPolicy.DESTROY, deletionProtection: false } as const;

/** A resource as it stands in a template. */
export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: templates are untyped JSON, and tests look at single fields of them.
  readonly Properties: any;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
  readonly DependsOn?: readonly string[];
}

export const resourcesOf = (stack: Stack): Readonly<Record<string, Resource>> => Template.fromStack(stack).toJSON()['Resources'] as Record<string, Resource>;

/** How many resources of each type a stack has. */
export function counts(stack: Stack): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { Type } of Object.values(resourcesOf(stack))) found[Type] = (found[Type] ?? 0) + 1;
  return found;
}

export function stacksOf(set: ReplicaSet, member = 'eu-central-1') {
  const found = set.stacks.get(member);
  if (found === undefined) throw new Error(`no member ${member}`);
  return found;
}

/** The resources of one type, with their logical ids. */
export const byType = (resources: Readonly<Record<string, Resource>>, type: string): [string, Resource][] =>
  Object.entries(resources).filter(([, r]) => r.Type === type);

/** The one resource of a list that must have just one. */
export const only = ([found, ...more]: [string, Resource][]): Resource => {
  if (found === undefined || more.length > 0) throw new Error(`expected one resource, got ${more.length + (found === undefined ? 0 : 1)}`);
  return found[1];
};
