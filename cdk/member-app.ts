import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { AccountPrincipal } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { APPLY_BATCH_MESSAGES, DLQ_RETENTION_MS, TICK_MS } from '../lib/core/constants.ts';
import type { FunctionName } from '../lib/core/names.ts';
import { linkNames, memberNames } from '../lib/core/names.ts';
import type { CheckSettings } from '../lib/reconcile/schedule/settings.ts';
import type { ApiProps } from './api.ts';
import { apiProps, MemberApi } from './api.ts';
import type { ArchiveSettings } from './archive.ts';
import { archiveEnvironment } from './archive.ts';
import { apiEnvironment } from './auth.ts';
import { checkEnvironment } from './check.ts';
import type { EncryptionProps, QueueKeys } from './encryption.ts';
import { queueKeys } from './encryption.ts';
import type { CodeOf } from './functions.ts';
import { bundledCode, MemberFunction } from './functions.ts';
import { LinkQueues } from './links.ts';
import type { ExistingTable, Limits, MemberKeys } from './set.ts';
import { checkInequalities } from './set.ts';
import { foreigners } from './sharing.ts';

export interface MemberAppProps extends Limits, EncryptionProps, ApiProps {
  readonly config: SetConfig;
  readonly member: MemberConfig;
  readonly existingTable?: ExistingTable;
  readonly archive: ArchiveSettings;
  readonly check: CheckSettings;
  /** Where the functions' code comes from. Default: the bundles of tools/bundle.ts. */
  readonly code?: CodeOf;
  /** The KMS keys of all members, where they are users' own. */
  readonly keys: MemberKeys;
  /** What becomes of the account's log role. Default: it stays. */
  readonly removalPolicy?: RemovalPolicy;
}

/** What a member does: its links' queues, its functions, their triggers, its HTTP API. Nothing here keeps data that is not elsewhere. */
export class MemberApp extends Construct {
  readonly functions: ReadonlyMap<FunctionName, MemberFunction>;
  readonly links: ReadonlyMap<string, LinkQueues>;
  /** URL of the HTTP API, ending in "/". */
  readonly apiUrl: string;
  /** Ids of the API keys, by client. The keys themselves are secrets, and nowhere in a template. */
  readonly apiKeyIds: ReadonlyMap<string, string>;

  constructor(scope: Construct, id: string, props: MemberAppProps) {
    super(scope, id);
    checkInequalities(props);
    const { config, member } = props;
    const names = memberNames(config.set, member);
    const encryption = queueKeys(this, props);
    this.streamFailures(names.streamFailures, encryption);

    const make = (fn: FunctionName, constructId: string, environment: Readonly<Record<string, string>> = {}): MemberFunction =>
      new MemberFunction(this, constructId, {
        fn,
        config,
        member,
        code: props.code ?? bundledCode,
        keys: props.keys,
        environment,
        ...(props.existingTable !== undefined && { streamArn: props.existingTable.streamArn }),
      });
    const apply = make('apply', 'Apply');
    const reconcile = make('reconcile', 'Reconcile', { ...archiveEnvironment(props.archive), ...checkEnvironment(props.check) });
    const api = make('api', 'Api', apiEnvironment(config, member, props));
    this.letInOthers(api, config, member);
    this.functions = new Map([
      ['fanout', make('fanout', 'Fanout')],
      ['observe', make('observe', 'Observe')],
      ['apply', apply],
      ['reconcile', reconcile],
      ['api', api],
    ]);

    this.links = new Map(
      config.members
        .filter((m) => m.name !== member.name)
        .map((target) => [target.name, this.link(target, linkNames(config.set, member, target), apply, props, encryption)] as const),
    );
    this.everyMinute(`${names.prefix}-minute`, reconcile);
    const http = new MemberApi(this, 'Http', {
      name: names.api,
      handler: api.handler,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      ...apiProps(props),
    });
    this.apiUrl = http.url;
    this.apiKeyIds = http.keyIds;
  }

  /**
   * Lets the other members' APIs hand requests on, where they are in other accounts. A permission of Lambda names an
   * account, not a role that may not be there yet: who may invoke it from there is for that account's own policies.
   */
  private letInOthers({ handler }: MemberFunction, config: SetConfig, member: MemberConfig): void {
    for (const account of new Set(foreigners(config, member).map((m) => m.account))) {
      handler.addPermission(`From-${account}`, { principal: new AccountPrincipal(account), action: 'lambda:InvokeFunction' });
    }
  }

  /** A link's queues, and the mapping that brings its messages to apply: one batch of a lane at a time, as FIFO has it. */
  private link(target: MemberConfig, names: ReturnType<typeof linkNames>, apply: MemberFunction, limits: Limits, encryption: QueueKeys): LinkQueues {
    const link = new LinkQueues(this, `To-${target.name}`, {
      names,
      encryption,
      ...(limits.queueRetentionMs !== undefined && { queueRetentionMs: limits.queueRetentionMs }),
      ...(limits.dlqRetentionMs !== undefined && { dlqRetentionMs: limits.dlqRetentionMs }),
    });
    const mapping = new EventSourceMapping(link, 'Mapping', {
      target: apply.handler,
      eventSourceArn: link.queue.queueArn,
      batchSize: APPLY_BATCH_MESSAGES,
      reportBatchItemFailures: true,
      enabled: true,
    });
    mapping.node.addDependency(apply.handler);
    return link;
  }

  /** Where Lambda reports the stream batches that it gave up: nothing consumes it, a message in it is an alarm. */
  private streamFailures(queueName: string, encryption: QueueKeys): void {
    const queue = new Queue(this, 'StreamFailures', {
      queueName,
      retentionPeriod: Duration.millis(DLQ_RETENTION_MS),
      ...encryption,
      enforceSSL: true,
    });
    Validations.of(queue).acknowledge({ id: 'AwsSolutions-SQS3', reason: 'It is a failure destination itself, and nothing consumes it by machine.' });
  }

  /**
   * The minute run. A run that fails or comes late is not repeated: the next one does its work. Two runs of one minute
   * (EventBridge delivers at least once) are allowed for in the rows that they write, so no concurrency is reserved for
   * it: that would be taken from the account's pool, and a new account has none to give.
   */
  private everyMinute(ruleName: string, reconcile: MemberFunction): void {
    const maxEventAge = Duration.millis(TICK_MS);
    reconcile.handler.configureAsyncInvoke({ retryAttempts: 0, maxEventAge });
    new Rule(this, 'EveryMinute', {
      ruleName,
      description: 'Syncline: the minute run',
      schedule: Schedule.rate(Duration.millis(TICK_MS)),
      targets: [new LambdaTarget(reconcile.handler, { retryAttempts: 0, maxEventAge })],
    });
  }
}
