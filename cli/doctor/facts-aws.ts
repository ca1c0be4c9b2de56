import type { Stack, StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import type { TableDescription } from '@aws-sdk/client-dynamodb';
import { DescribeContinuousBackupsCommand, DescribeTableCommand, DescribeTimeToLiveCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { GetAccountSettingsCommand, LambdaClient, paginateListEventSourceMappings } from '@aws-sdk/client-lambda';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { remoteError } from '../../lib/adapters/aws/classify.ts';
import type { Bootstrap, ClockReading, Fact, Reader, StackFacts, TableFacts } from '../../lib/doctor/facts.ts';
import { isRemote } from '../../lib/ports/errors.ts';
import { controlPlane, remote, stackNamed } from '../control-plane.ts';
import { existence } from './existence.ts';
import type { FactsPort } from './facts.ts';

/** The stack of `cdk bootstrap`, and its output that holds its version. */
const TOOLKIT = 'CDKToolkit';
const TOOLKIT_VERSION = 'BootstrapVersion';
/** A Date header has whole seconds, rounded down (ms): on the average it is half of one early. */
const DATE_HALF_MS = 500;

/** What is to be seen of a region. @param endpoint of a local cloud, or undefined for AWS. */
export function factsOf(region: string, endpoint: string | undefined): FactsPort {
  const settings = controlPlane(region, endpoint);
  const formation = new CloudFormationClient(settings);
  const dynamodb = new DynamoDBClient(settings);
  const lambda = new LambdaClient(settings);
  const sts = new STSClient(settings);
  const ask = existence(settings, { dynamodb, lambda });

  return {
    identity: async () => {
      let clock: ClockReading | undefined;
      sts.middlewareStack.add(
        (next) => async (args) => {
          const before = Date.now();
          const result = await next(args);
          clock = clockReading((result.response as { headers?: Record<string, string> }).headers?.['date'], before, Date.now());
          return result;
        },
        { name: 'synclineClock', step: 'deserialize', priority: 'low', override: true },
      );
      const who = await remote(() => sts.send(new GetCallerIdentityCommand({})));
      return { identity: { account: who.Account ?? '', arn: who.Arn ?? '' }, ...(clock !== undefined && { clock }) };
    },
    bootstrap: async () => {
      const stack = await stackNamed(formation, TOOLKIT);
      return stack === undefined ? undefined : bootstrapOf(stack);
    },
    concurrency: async () => {
      const { AccountLimit } = await remote(() => lambda.send(new GetAccountSettingsCommand({})));
      const limit = AccountLimit?.ConcurrentExecutions ?? 0;
      return { limit, unreserved: AccountLimit?.UnreservedConcurrentExecutions ?? limit };
    },
    table: async (name) => {
      let table: TableDescription | undefined;
      try {
        table = (await remote(() => dynamodb.send(new DescribeTableCommand({ TableName: name })))).Table;
      } catch (error) {
        if (isRemote(error, 'missing')) return undefined;
        throw error;
      }
      const [ttl, pointInTimeRecovery] = await Promise.all([
        fact(async () => {
          const { TimeToLiveDescription: t } = await dynamodb.send(new DescribeTimeToLiveCommand({ TableName: name }));
          return t?.TimeToLiveStatus === 'ENABLED' || t?.TimeToLiveStatus === 'ENABLING' ? t.AttributeName : undefined;
        }),
        fact(async () => {
          const { ContinuousBackupsDescription: c } = await dynamodb.send(new DescribeContinuousBackupsCommand({ TableName: name }));
          return c?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus === 'ENABLED';
        }),
      ]);
      return { ...tableFacts(table ?? {}), ttl, pointInTimeRecovery };
    },
    readers: (streamArn) =>
      remote(async () => {
        const found: Reader[] = [];
        for await (const page of paginateListEventSourceMappings({ client: lambda }, { EventSourceArn: streamArn })) {
          for (const m of page.EventSourceMappings ?? []) {
            // The filter is ours, too: not every local cloud obeys the request's.
            if (m.EventSourceArn !== streamArn) continue;
            const fn = m.FunctionArn?.split(':function:')[1]?.split(':')[0] ?? m.FunctionArn ?? '';
            found.push({ id: m.UUID ?? '', fn, state: m.State ?? '', ...(m.LastProcessingResult !== undefined && { lastResult: m.LastProcessingResult }) });
          }
        }
        return found;
      }),
    stack: async (name) => {
      const stack = await stackNamed(formation, name);
      if (stack === undefined) return undefined;
      const found: StackResourceSummary[] = [];
      await remote(async () => {
        for await (const page of paginateListStackResources({ client: formation }, { StackName: name })) found.push(...(page.StackResourceSummaries ?? []));
      });
      const facts: StackFacts = {
        name,
        status: stack.StackStatus ?? '',
        resources: await Promise.all(
          found.map(async (r) => ({
            logicalId: r.LogicalResourceId ?? '',
            type: r.ResourceType ?? '',
            ...(r.PhysicalResourceId !== undefined && { physicalId: r.PhysicalResourceId }),
            status: r.ResourceStatus ?? '',
            answer: await ask(r.ResourceType ?? '', r.PhysicalResourceId ?? ''),
          })),
        ),
      };
      return facts;
    },
  };
}

/** A part that may be forbidden while the rest is not. */
async function fact<T>(run: () => Promise<T>): Promise<Fact<T>> {
  try {
    return { seen: true, value: await run() };
  } catch (error) {
    const { code, message, kind } = remoteError(error);
    return { seen: false, why: `${code}: ${message}`, denied: kind === 'denied' };
  }
}

/** The clocks' difference, by a Date header. Pure. @param before and after the request (ms, this machine's clock). */
export function clockReading(date: string | undefined, before: number, after: number): ClockReading | undefined {
  const there = Date.parse(date ?? '');
  if (Number.isNaN(there)) return undefined;
  return { offsetMs: there + DATE_HALF_MS - (before + after) / 2, uncertaintyMs: (after - before) / 2 + DATE_HALF_MS };
}

function bootstrapOf(stack: Stack): Bootstrap {
  const text = stack.Outputs?.find((o) => o.OutputKey === TOOLKIT_VERSION)?.OutputValue;
  return { status: stack.StackStatus ?? '', ...(text !== undefined && /^\d+$/.test(text) && { version: Number(text) }) };
}

/** What DescribeTable says. Pure. */
export function tableFacts(table: TableDescription): Omit<TableFacts, 'ttl' | 'pointInTimeRecovery'> {
  const types = new Map(table.AttributeDefinitions?.map((a) => [a.AttributeName, a.AttributeType ?? '?']));
  const order = [...(table.KeySchema ?? [])].sort((a, b) => (a.KeyType === b.KeyType ? 0 : a.KeyType === 'HASH' ? -1 : 1));
  const stream = table.StreamSpecification?.StreamEnabled === true && table.LatestStreamArn !== undefined;
  const warm = table.WarmThroughput?.WriteUnitsPerSecond;
  const provisioned = table.ProvisionedThroughput?.WriteCapacityUnits;
  const sse = table.SSEDescription;
  return {
    status: table.TableStatus ?? '',
    key: order.map((k) => ({ name: k.AttributeName ?? '', type: types.get(k.AttributeName) ?? '?' })),
    ...(stream && { stream: { arn: table.LatestStreamArn ?? '', view: table.StreamSpecification?.StreamViewType ?? '' } }),
    onDemand: table.BillingModeSummary?.BillingMode === 'PAY_PER_REQUEST',
    ...(warm !== undefined && warm > 0 && { warmWrites: warm }),
    ...(provisioned !== undefined && provisioned > 0 && { provisionedWrites: provisioned }),
    itemCount: table.ItemCount ?? 0,
    deletionProtection: table.DeletionProtectionEnabled === true,
    ...(sse?.KMSMasterKeyArn !== undefined && {
      kms: {
        arn: sse.KMSMasterKeyArn,
        ...(sse.InaccessibleEncryptionDateTime !== undefined && { inaccessibleSince: sse.InaccessibleEncryptionDateTime.toISOString() }),
      },
    }),
    globalReplicas: (table.Replicas ?? []).map((r) => r.RegionName ?? ''),
  };
}
