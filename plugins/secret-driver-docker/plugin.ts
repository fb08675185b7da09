import { SecretDrivers } from '@swarmkit/sdk/contracts/secret-driver';
import { definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { DockerSecretDriver } from './shell/docker-secret-driver.js';

/** Docker's secret provider plugins, as drivers of secrets. */
export const secretDriverDocker = definePlugin<{ readonly folders?: readonly string[] }>({
  id: 'secret-driver-docker',
  version: '0.1.0',
  scope: 'leader',
  contributes: [SecretDrivers],
  policy: 'degrade',
  config: {
    type: 'object',
    properties: {
      folders: {
        type: 'array',
        items: { type: 'string', minLength: 1 },
        description: "where plugins are looked for; Docker's own unless set",
      },
    },
    additionalProperties: false,
  },
  register(ctx) {
    ctx.provide(SecretDrivers, new DockerSecretDriver(ctx.config.folders));
  },
});

export default secretDriverDocker;
