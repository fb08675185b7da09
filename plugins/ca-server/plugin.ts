import { CertificateAuthority } from '@swarmkit/sdk/contracts/certificate-authority';
import { ExternalAuthority } from '@swarmkit/sdk/contracts/external-authority';
import { RpcServer } from '@swarmkit/sdk/contracts/rpc';
import { Store, type Writer } from '@swarmkit/sdk/contracts/store';
import { type Context, definePlugin } from '@swarmkit/sdk/plugin/plugin';
import { CAService, NodeCAService } from '@swarmkit/sdk/wire/gen/swarmkit/ca';
import { stopped } from './core/refusals.js';
import { CertificatePolls } from './shell/certificate-polls.js';
import { GroupWriter } from './shell/group-writer.js';
import { caHandlers, nodeCaHandlers } from './shell/handlers.js';
import { RotationLoop } from './shell/rotation-loop.js';
import { Signer } from './shell/signer.js';
import { SigningLoop } from './shell/signing-loop.js';

const writer: Writer = {
  id: 'ca-server',
  writes: ['node.existence', 'node.certificate', 'cluster.ca'],
};

export interface CaServerConfig {
  /** So long after its certificate ran out a node may still renew it. Default: not at all. */
  readonly expiredGraceHours?: number;
}

const unmounts = new WeakMap<Context<CaServerConfig>, () => void>();

/** Issues the cluster's certificates while this manager leads. */
export const caServer = definePlugin<CaServerConfig>({
  id: 'ca-server',
  version: '0.1.0',
  scope: 'leader',
  requires: [Store, RpcServer, CertificateAuthority],
  optional: [ExternalAuthority],
  policy: 'restart',
  config: {
    type: 'object',
    properties: { expiredGraceHours: { type: 'number', minimum: 0 } },
  },

  start(ctx) {
    const { env, log, signal } = ctx;
    const graceMs = (ctx.config.expiredGraceHours ?? 0) * 3_600_000;
    const store = ctx.get(Store);
    const rpc = ctx.get(RpcServer);
    const polls = new CertificatePolls(() => store.view());
    const authority = ctx.get(CertificateAuthority);
    const signer = new Signer(authority, ctx.maybe(ExternalAuthority));
    const signing = new SigningLoop({ store, writer, signer, env, log, signal });
    const rotation = new RotationLoop({ store, writer, authority, env, log, signal });
    ctx.consume('store.commits', store.commits$, (commit) => {
      signing.onCommit(commit);
      rotation.onCommit(commit);
      polls.onCommit(commit);
    });
    ctx.run('signing', () => signing.run());
    ctx.run('rotation', () => rotation.run());
    const writes = new GroupWriter(store, writer);
    const expose = ['control', 'remote'] as const;
    const nodeCa = nodeCaHandlers({ store, authority, graceMs, env, log, writes, polls });
    const mounted = [
      rpc.mount({ definition: NodeCAService, expose, handlers: nodeCa }),
      rpc.mount({ definition: CAService, expose, handlers: caHandlers(store) }),
    ];
    unmounts.set(ctx, () => {
      for (const unmount of mounted) unmount(stopped());
    });
  },

  stop(ctx) {
    unmounts.get(ctx)?.();
  },
});

export default caServer;
