import { App, RemovalPolicy } from 'aws-cdk-lib';
import { ReplicaSet, type ReplicaSetProps } from 'syncline';

/** A user's CDK app: compiled and run outside of this project, where there is nothing but the installed package. */
const props: ReplicaSetProps = {
  set: 'orders',
  account: '000000000000',
  members: [{ region: 'eu-central-1' }, { region: 'us-east-1' }],
  key: { partition: { name: 'id', type: 'S' } },
  removalPolicy: RemovalPolicy.DESTROY,
  deletionProtection: false,
};

const app = new App();
const orders = new ReplicaSet(app, 'Orders', props);
// @ts-expect-error A mistake in a property is found by the types of the package.
export const mistake: ReplicaSetProps = { ...props, sets: 'orders' };
if (orders.stacks.size !== 2) throw new Error('There must be a member for each region.');
app.synth();
