import { App, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { appSettings } from './context.ts';
import { LOCAL_ACCOUNT, ReplicaSet } from './replica-set.ts';
import { SetPropsError } from './set.ts';

/**
 * The app behind cdk.json: one replica set, a member a region. Its settings (`cdk deploy --all -c name=value …`) are
 * listed in cdk/context.ts.
 */
try {
  const app = new App();
  const settings = appSettings((name) => app.node.tryGetContext(name), process.env['CDK_DEFAULT_ACCOUNT']);
  // Local clouds are thrown away; everywhere else nothing that holds data is ever deleted by a deployment.
  const local = settings.account === LOCAL_ACCOUNT;
  new ReplicaSet(app, 'ReplicaSet', { ...settings, ...(local && { removalPolicy: RemovalPolicy.DESTROY, deletionProtection: false }) });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  app.synth();
} catch (error) {
  if (!(error instanceof SetPropsError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
