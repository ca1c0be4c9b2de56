import { Stack, Token } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { MemberConfig, SetConfig } from '../lib/core/config.ts';
import { memberNamed } from '../lib/core/config.ts';
import { apiProps } from './api.ts';
import { archiveSettings } from './archive.ts';
import { checkSettings } from './check.ts';
import type { MemberAppProps } from './member-app.ts';
import { MemberApp } from './member-app.ts';
import type { MemberDataProps } from './member-data.ts';
import { MemberData } from './member-data.ts';
import type { MemberProps, SetProps } from './set.ts';
import { memberKeys, SetPropsError, setConfig } from './set.ts';

/** Settings that all members of a set have in common, besides the set itself. */
export type MemberSettings = Pick<MemberDataProps, 'latency' | 'removalPolicy' | 'deletionProtection'> &
  Omit<MemberAppProps, 'config' | 'member' | 'existingTable' | 'archive' | 'check' | 'removalPolicy' | 'keys' | 'encryption' | 'encryptionKeyArn'>;

export interface ReplicaSetMemberProps extends SetProps, MemberSettings {
  /** The name of the member that this stack holds: one of `members`. */
  readonly member: string;
}

/**
 * One member of a replica set, in any stack of the user's. The stack's region must be the member's. Deploying it
 * neither makes it a primary nor starts anything: `syncline init` does, once all members are there.
 *
 * @throws SetPropsError on a name, key, region or limit that cannot be.
 */
export class ReplicaSetMember extends Construct {
  readonly config: SetConfig;
  readonly data: MemberData;
  readonly app: MemberApp;

  constructor(scope: Construct, id: string, props: ReplicaSetMemberProps) {
    super(scope, id);
    this.config = setConfig(props);
    const own = member(this.config, props.member);
    const { region, account } = Stack.of(this);
    if (!Token.isUnresolved(region) && region !== own.region) {
      throw new SetPropsError(`The member "${own.name}" is in ${own.region}, its stack in ${region}. Set the stack's env.region to ${own.region}.`);
    }
    if (!Token.isUnresolved(account) && account !== own.account) {
      throw new SetPropsError(
        `The member "${own.name}" is in the account ${own.account}, its stack in ${account}. Set the stack's env.account to ${own.account}.`,
      );
    }
    const parts = memberParts(this.config, own, props);
    this.app = new MemberApp(this, 'App', parts.app);
    this.data = new MemberData(this, 'Data', parts.data);
    this.data.dependOn(...readersOf(this.app));
  }
}

function member(config: SetConfig, name: string): MemberConfig {
  try {
    return memberNamed(config, name);
  } catch (error) {
    throw new SetPropsError((error as Error).message);
  }
}

/** What a user said of a member. */
const said = (props: SetProps, name: string): MemberProps | undefined => props.members.find((m) => (m.name ?? m.region) === name);

/** The functions whose mappings are with the data. */
export function readersOf(app: MemberApp): Construct[] {
  return (['fanout', 'observe'] as const).flatMap((fn) => app.functions.get(fn) ?? []);
}

/** Splits a member's settings between its two parts. */
export function memberParts(
  config: SetConfig,
  own: MemberConfig,
  props: SetProps & MemberSettings,
): { readonly data: MemberDataProps; readonly app: MemberAppProps } {
  const { latency, removalPolicy, deletionProtection, queueRetentionMs, dlqRetentionMs, code, encryption } = props;
  const { existingTable, encryptionKeyArn, archive } = said(props, own.name) ?? {};
  const settings = archiveSettings(props.archive, archive);
  const both = defined({ config, member: own, existingTable, archive: settings, removalPolicy, encryption, encryptionKeyArn });
  return {
    data: { ...both, ...defined({ latency, deletionProtection }) },
    app: {
      ...both,
      ...apiProps(props),
      check: checkSettings(props.check, settings),
      keys: memberKeys(props),
      ...defined({ queueRetentionMs, dlqRetentionMs, code }),
    },
  };
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out what is undefined, so that an absent property is absent. */
export const defined = <T extends object>(fields: T): Defined<T> => Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined)) as Defined<T>;
