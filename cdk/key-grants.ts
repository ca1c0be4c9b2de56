import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import type { FunctionName } from '../lib/core/names.ts';
import { memberNames } from '../lib/core/names.ts';
import type { Grant } from './grants.ts';
import { grants } from './grants.ts';
import type { MemberKeys } from './set.ts';

/**
 * What a function may do with the users' KMS keys. It follows from its other grants: where it may touch a table, queue or
 * bucket, it may have the service use that resource's key for it. Never by itself: `kms:ViaService` refuses calls that
 * do not come through the service. With keys of AWS nothing is to be granted: the key policies of managed keys let in
 * whoever may use the service, and owned keys ask nobody.
 * https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
 */

type Service = 'dynamodb' | 'sqs' | 's3';

/**
 * What each service asks of the key for its caller.
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
 */
const ACTIONS: Readonly<Record<Service, readonly string[]>> = {
  dynamodb: ['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey', 'ReEncryptFrom', 'ReEncryptTo'],
  sqs: ['Decrypt', 'GenerateDataKey'],
  s3: ['Decrypt', 'GenerateDataKey'],
};

/** The statements about keys of a function's role: one for each key that it needs. Pure. */
export function keyGrants(fn: FunctionName, config: SetConfig, member: MemberConfig, keys: MemberKeys): readonly Grant[] {
  const needs = new Map<string, { readonly region: string; readonly services: Set<Service> }>();
  for (const { effect, resources } of grants(fn, config, member)) {
    if (effect === 'Deny') continue;
    for (const use of resources.flatMap((arn) => usesOf(arn, config, member, keys))) {
      const need = needs.get(use.key) ?? { region: use.region, services: new Set() };
      needs.set(use.key, need);
      need.services.add(use.service);
    }
  }
  return [...needs].map(([key, { region, services }], i) => ({
    sid: `UseKey${i + 1}`,
    actions: [...new Set([...services].flatMap((service) => ACTIONS[service]))].sort().map((name) => `kms:${name}`),
    resources: [key],
    conditions: { StringEquals: { 'kms:ViaService': [...services].sort().map((service) => `${service}.${region}.amazonaws.com`) } },
  }));
}

/** A key that is used with a resource, and through which service. */
interface KeyUse {
  readonly key: string;
  readonly region: string;
  readonly service: Service;
}

/** The user's key of the resource that an ARN of a grant names: one, or none. */
function usesOf(arn: string, config: SetConfig, self: MemberConfig, keys: MemberKeys): readonly KeyUse[] {
  const use = (owner: MemberConfig, service: Service, key: string | undefined): readonly KeyUse[] =>
    key === undefined ? [] : [{ key, region: owner.region, service }];
  const [, , service, region, account, rest = ''] = arn.split(':');
  if (service === 'sqs') return use(self, 'sqs', keys.own.get(self.name));
  if (service === 's3') {
    const owner = config.members.find((m) => memberNames(config.set, m).bucket === rest.split('/')[0]);
    return owner === undefined ? [] : use(owner, 's3', keys.own.get(owner.name));
  }
  if (service !== 'dynamodb') return [];
  const table = rest.split('/')[1] ?? '';
  const owner = config.members.find((m) => m.region === region && m.account === account && tablesOf(config, m).includes(table));
  if (owner === undefined) return [];
  const adopted = table === owner.items && table !== memberNames(config.set, owner).items;
  return use(owner, 'dynamodb', (adopted ? keys.existingTable : keys.own).get(owner.name));
}

function tablesOf(config: SetConfig, member: MemberConfig): readonly string[] {
  const { tombstones, control, requests } = memberNames(config.set, member);
  return [member.items, tombstones, control, requests];
}
