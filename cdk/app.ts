import { App, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { appSettings } from './context.ts';
import { LOCAL_ACCOUNT, ReplicaSet } from './replica-set.ts';
import { SetPropsError } from './set.ts';

/**
 * The app behind cdk.json: one replica set, a member a region. Settings (`cdk deploy --all -c name=value …`):
 * set, regions, account, keys, latency, lanes, terminationProtection, accountLogRole; see cdk/context.ts.
 */
try {
  const app = new App();
  const { set, account, regions, key, latency, lanes, terminationProtection, accountLogRole } = appSettings(
    (name) => app.node.tryGetContext(name),
    process.env['CDK_DEFAULT_ACCOUNT'],
  );
  // Local clouds are thrown away; everywhere else nothing that holds data is ever deleted by a deployment.
  const local = account === LOCAL_ACCOUNT;
  new ReplicaSet(app, 'ReplicaSet', {
    set,
    account,
    members: regions.map((region) => ({ region })),
    key,
    latency,
    ...(lanes !== undefined && { lanes }),
    ...(local && { removalPolicy: RemovalPolicy.DESTROY, deletionProtection: false }),
    ...(terminationProtection !== undefined && { terminationProtection }),
    ...(accountLogRole !== undefined && { accountLogRole }),
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof SetPropsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
