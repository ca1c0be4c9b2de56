import { expect, it } from 'vitest';
import type { MemberConfig } from '../../../lib/core/config.ts';
import { setConfigSchema } from '../../../lib/core/config.ts';
import type { InvokePort } from '../../../lib/ports/invoke.ts';
import type { ObjectPort } from '../../../lib/ports/objects.ts';
import type { TablePort } from '../../../lib/ports/table.ts';
import { memberContext } from '../../../lib/replicate/context.ts';
import { serveContext } from '../../../lib/serve/context.ts';

const member = (name: string, account: string): object => ({ name, region: 'eu-west-1', account, generation: 1, items: `${name}-items` });
const config = setConfigSchema.parse({
  set: 'cities',
  key: { partition: { name: 'id', type: 'S' } },
  members: [member('own', '111111111111'), member('near', '111111111111'), member('far', '222222222222')],
});
const [own] = config.members as [MemberConfig, ...MemberConfig[]];
const ARN = /^arn:aws:(dynamodb|lambda):eu-west-1:222222222222:/;

it('what lies in another account is reached by its ARN, by apply and by the API; the own is not', () => {
  const of = memberContext(config, own);
  const [near, far] = of.links;
  expect(near?.targetTables).toMatchObject({ items: 'near-items', control: 'syncline-cities-near-g1-control' });
  for (const table of Object.values(far?.targetTables ?? { none: '' })) expect(table).toMatch(ARN);
  expect(far?.sourceTables).toEqual(of.tables);
  expect(of.tables.items).toBe('own-items');
  const serve = serveContext(
    config,
    own,
    { table: {} as TablePort, objects: {} as ObjectPort },
    () => ({}) as InvokePort,
    () => ({}) as TablePort,
  );
  expect(serve.peers.get('far')?.functionName).toMatch(ARN);
  expect(serve.peers.get('near')?.functionName).toBe('syncline-cities-near-g1-api');
  expect(serve.others.get('far')?.tables.items).toMatch(ARN);
});
