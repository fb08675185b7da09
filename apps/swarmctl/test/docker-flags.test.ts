import assert from 'node:assert/strict';
import test from 'node:test';
import { aService } from '@swarmkit/sdk/testkit/fixtures';
import type {
  CreateServiceRequest,
  UpdateServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import { Command } from 'commander';
import { addServiceCommands } from '../commands/service.js';
import { FakeCluster } from './fake-cluster.js';
import { runCtl } from './run-ctl.js';

/** What people write for Docker's CLI must be understood here. Its flags as of 29.0, from `--help`. */

const docker = {
  create: `
  cap-add cap-drop config constraint container-label credential-spec detach dns dns-option
  dns-search endpoint-mode entrypoint env env-file generic-resource group health-cmd
  health-interval health-retries health-start-interval health-start-period health-timeout host
  hostname init isolation label limit-cpu limit-memory limit-pids log-driver log-opt
  max-concurrent memory-swap memory-swappiness mode mount name network no-healthcheck
  no-resolve-image oom-score-adj placement-pref publish quiet read-only replicas
  replicas-max-per-node reserve-cpu reserve-memory restart-condition restart-delay
  restart-max-attempts restart-window rollback-delay rollback-failure-action
  rollback-max-failure-ratio rollback-monitor rollback-order rollback-parallelism secret
  stop-grace-period stop-signal sysctl tty ulimit update-delay update-failure-action
  update-max-failure-ratio update-monitor update-order update-parallelism user
  with-registry-auth workdir`,
  update: `
  args cap-add cap-drop config-add config-rm constraint-add constraint-rm container-label-add
  container-label-rm credential-spec detach dns-add dns-option-add dns-option-rm dns-rm
  dns-search-add dns-search-rm endpoint-mode entrypoint env-add env-rm force
  generic-resource-add generic-resource-rm group-add group-rm health-cmd health-interval
  health-retries health-start-interval health-start-period health-timeout host-add host-rm
  hostname image init isolation label-add label-rm limit-cpu limit-memory limit-pids log-driver
  log-opt max-concurrent memory-swap memory-swappiness mount-add mount-rm network-add
  network-rm no-healthcheck no-resolve-image oom-score-adj placement-pref-add placement-pref-rm
  publish-add publish-rm quiet read-only replicas replicas-max-per-node reserve-cpu
  reserve-memory restart-condition restart-delay restart-max-attempts restart-window rollback
  rollback-delay rollback-failure-action rollback-max-failure-ratio rollback-monitor
  rollback-order rollback-parallelism secret-add secret-rm stop-grace-period stop-signal
  sysctl-add sysctl-rm tty ulimit-add ulimit-rm update-delay update-failure-action
  update-max-failure-ratio update-monitor update-order update-parallelism user
  with-registry-auth workdir`,
};

for (const [name, text] of Object.entries(docker))
  test(`service ${name} has every flag of Docker's`, () => {
    const service = new Command('service').enablePositionalOptions();
    addServiceCommands(service, () => Promise.reject(new Error('never opened')));
    const command = service.commands.find((one) => one.name() === name);
    // Where a flag has two long names, Commander keeps the first one as the short one.
    const ours = new Set(command?.options.flatMap(({ short, long }) => [short, long]));
    const missing = text
      .trim()
      .split(/\s+/)
      .filter((flag) => !ours.has(`--${flag}`));
    assert.deepEqual(missing, []);
  });

test('switches take a value, as in Docker, and what is the container’s own is left alone', async () => {
  const cluster = new FakeCluster();
  const argv = [
    '--detach=true',
    '--quiet=false',
    '--tty=1',
    '--env',
    '--init=false',
    '--read-only=0',
  ];
  const { code, err } = await runCtl(cluster, [
    ...['service', 'create', ...argv, 'busybox', 'run', '--tty=false'],
  ]);
  assert.equal(code, 0, err);
  const [created] = cluster.requests<CreateServiceRequest>('createService');
  const runtime = created?.spec?.task?.runtime;
  assert.ok(runtime?.$case === 'container');
  const { tty, readOnly, init, args, env } = runtime.value;
  assert.deepEqual([tty, readOnly, init], [true, false, undefined]);
  assert.deepEqual([args, env], [['run', '--tty=false'], ['--init=false']]);

  cluster.services = [aService({ id: 'web', spec: created?.spec as never })];
  const update = await runCtl(cluster, [
    'service',
    'update',
    '-d',
    '--tty=false',
    '--force=false',
    'web',
  ]);
  assert.equal(update.code, 0, update.err);
  const updated = cluster.requests<UpdateServiceRequest>('updateService')[0]?.spec?.task;
  assert.ok(updated?.runtime?.$case === 'container');
  assert.deepEqual([updated.runtime.value.tty, updated.forceUpdate], [false, 0n]);

  // Behind the name too: an update has no command of a container.
  const behind = [
    'service',
    'update',
    'web',
    '--detach=true',
    '--env-add',
    '--tty=false',
    '--tty=0',
  ];
  const again = await runCtl(cluster, behind);
  assert.equal(again.code, 0, again.err);
  const changed = cluster.requests<UpdateServiceRequest>('updateService')[1]?.spec?.task;
  assert.ok(changed?.runtime?.$case === 'container');
  assert.deepEqual(
    [changed.runtime.value.tty, changed.runtime.value.env],
    [false, ['--init=false', '--tty=false']],
  );

  const wrong = await runCtl(cluster, ['service', 'create', '--tty=maybe', 'busybox']);
  assert.equal(wrong.code, 2);
});
