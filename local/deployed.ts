import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { z } from 'zod';
import { existence } from '../cli/doctor/existence.ts';
import { type SetConfig, setConfigSchema } from '../lib/core/config.ts';
import { memberNames } from '../lib/core/names.ts';
import type { StackResource } from '../lib/doctor/facts.ts';
import { pretended } from '../lib/doctor/stack.ts';
import type { Place } from './place.ts';
import { LOCAL_ACCOUNT, localClient } from './region.ts';

/** What a deployment has made, by what the cloud says of it afterwards: configuration, APIs, and what is not there at all. */

/** A resource that a cloud reported as made and that is not there. */
export interface PretendedResource {
  readonly region: string;
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  readonly why: string;
}

/** The part of a template that is read. A resource with a condition may rightly be left out. */
const templateSchema = z.object({ Resources: z.record(z.string(), z.object({ Type: z.string(), Condition: z.string().exactOptional() })) });
export type Template = z.infer<typeof templateSchema>;

/**
 * What a stack lacks: resources without an id of their own, resources that their service does not know, and those of
 * the template that the stack does not list. Pure.
 */
export function lacking(template: Template, resources: readonly StackResource[]): Pick<PretendedResource, 'logicalId' | 'type' | 'why'>[] {
  const listed = new Set(resources.map((r) => r.logicalId));
  const unlisted = Object.entries(template.Resources)
    .filter(([id, { Condition }]) => Condition === undefined && !listed.has(id))
    .map(([logicalId, { Type }]) => ({ logicalId, type: Type, why: 'the stack does not list it' }));
  const hollow = pretended(resources).map(({ logicalId, type, physicalId, answer }) => ({
    logicalId,
    type,
    why:
      answer === 'missing'
        ? 'its service does not know it'
        : physicalId === undefined || physicalId.trim() === ''
          ? 'it has no id'
          : `its id is "${physicalId}"`,
  }));
  return [...unlisted, ...hollow].sort((a, b) => (a.logicalId < b.logicalId ? -1 : 1));
}

/** A line for each resource that was only pretended: what rests on it will not work there. Pure. */
export const pretendedText = (resources: readonly PretendedResource[]): string =>
  resources.map((r) => `warning: ${r.region} reported ${r.type} ${r.logicalId} of ${r.stack} as made, but it is not there: ${r.why}.\n`).join('');

/** The stacks of a set that were deployed, looked at once. */
export interface Seen {
  /** Each member's API, by member; with its stage, without a slash at the end. */
  readonly apis: Readonly<Record<string, string>>;
  readonly pretended: readonly PretendedResource[];
}

/** Looks at all stacks of the set. @param assembly where their templates are. @throws Error when a member has no API. */
export async function lookAt(place: Place, config: SetConfig, assembly: string): Promise<Seen> {
  const members = await Promise.all(
    config.members.map(async (member) => {
      const { appStack, dataStack } = memberNames(config.set, member);
      const [app, data] = await Promise.all([appStack, dataStack].map((stack) => resourcesOf(place, member.region, stack)));
      const found = await Promise.all(
        [[appStack, app ?? []] as const, [dataStack, data ?? []] as const].map(async ([stack, resources]) =>
          lacking(await templateOf(assembly, stack), resources).map((lack) => ({ region: member.region, stack, ...lack })),
        ),
      );
      return { name: member.name, api: apiUrl(place.endpoints[member.region] ?? '', appStack, app ?? []), pretended: found.flat() };
    }),
  );
  return { apis: Object.fromEntries(members.map((m) => [m.name, m.api])), pretended: members.flatMap((m) => m.pretended) };
}

const templateOf = async (assembly: string, stack: string): Promise<Template> =>
  templateSchema.parse(JSON.parse(await readFile(join(assembly, `${stack}.template.json`), 'utf8')));

/** The resources that a stack lists, each looked up at its service where that can be asked. */
async function resourcesOf(place: Place, region: string, stack: string): Promise<StackResource[]> {
  const settings = localClient(region, place.endpoints[region]);
  const clients = { formation: new CloudFormationClient(settings), dynamodb: new DynamoDBClient(settings), lambda: new LambdaClient(settings) };
  try {
    const ask = existence(settings, clients);
    const found: StackResource[] = [];
    for await (const page of paginateListStackResources({ client: clients.formation }, { StackName: stack })) {
      for (const { LogicalResourceId, ResourceType, PhysicalResourceId, ResourceStatus } of page.StackResourceSummaries ?? []) {
        const [logicalId = '', type = '', status = ''] = [LogicalResourceId, ResourceType, ResourceStatus];
        found.push({ logicalId, type, status, ...(PhysicalResourceId !== undefined && { physicalId: PhysicalResourceId }), answer: 'unasked' });
      }
    }
    return await Promise.all(found.map(async (r) => ({ ...r, answer: await ask(r.type, r.physicalId ?? '') })));
  } finally {
    for (const client of Object.values(clients)) client.destroy();
  }
}

const REST_API = 'AWS::ApiGateway::RestApi';
const REST_STAGE = 'AWS::ApiGateway::Stage';

/** The URL of a member's API: found by the stack's resources, addressed by path (its host name does not resolve). Pure. @throws Error */
export function apiUrl(endpoint: string, stack: string, resources: readonly StackResource[]): string {
  const id = (type: string): string => {
    const resource = resources.find((r) => r.type === type)?.physicalId;
    if (resource === undefined) throw new Error(`The stack ${stack} at ${endpoint} has no ${type}.`);
    return resource;
  };
  return `${endpoint}/_aws/execute-api/${id(REST_API)}/${id(REST_STAGE).split('/').at(-1) ?? ''}`;
}

/** The configuration that the deployed functions have: read from one of them, not computed again. @throws Error */
export async function deployedConfig(place: Place, set: string, region: string): Promise<SetConfig> {
  const client = new LambdaClient(localClient(region, place.endpoints[region]));
  try {
    const name = memberNames(set, { name: region, region, account: LOCAL_ACCOUNT, generation: 1 }).fn('apply');
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName: name }));
    const text = Environment?.Variables?.['SYNCLINE_CONFIG'];
    if (text === undefined) throw new Error(`The function ${name} in ${region} has no SYNCLINE_CONFIG.`);
    return setConfigSchema.parse(JSON.parse(text));
  } finally {
    client.destroy();
  }
}
