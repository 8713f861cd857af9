// What the file may say of notification, and how it is told what is wrong.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ConfigError, parseConfig } from '../../../workers/config.ts';

const problems = (notification: object): string[] => {
  try {
    parseConfig(stringify({ cloud: 'prod', notification }), 'f');
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
};
const channel = (driver: string, options: object, more: object = {}) => ({ channels: [{ driver, options, ...more }] });
const env = { env: 'X' };

describe('notification in the configuration', () => {
  it('takes every driver, and who is told', () => {
    const channels = [
      { driver: 'slack', name: 'ops', options: { url: env } },
      { driver: 'teams', options: { url: { file: '/run/x' } } },
      { driver: 'pagerduty', options: { routingKey: { command: ['vault', 'get'] }, severity: { started: 'info' } } },
      { driver: 'webhook', audience: 'users', options: { url: 'https://h.example.net', per: 'recipient' } },
      { driver: 'command', options: { program: '/bin/true' } },
    ];
    const who = {
      adminRole: 'ops',
      adminProject: 'p',
      tenantRoles: ['member'],
      creator: true,
      metadataKey: 'ha_contact',
    };
    assert.deepEqual(problems({ channels, ...who }), []);
  });

  it('names the line and the option that is wrong', () => {
    assert.match(
      problems(channel('slac', {})).join(),
      /^f:4: notification\.channels\[0\]\.driver: slac is no driver \(did you mean slack\?\)/,
    );
    assert.match(
      problems(channel('webhook', { url: 'https://h.example.net', signatur: env })).join(),
      /unknown key \(did you mean signature\?\)/,
    );
    assert.match(problems(channel('command', { program: 'desk' })).join(), /options\.program: is no absolute path/);
    assert.match(problems({ adminProject: 'p' }).join(), /notification\.adminProject: .*adminRole, which is missing/);
  });

  it('refuses a room for users, stages that a driver does not tell, and two channels of one name', () => {
    assert.match(
      problems(channel('teams', { url: env }, { audience: 'users' })).join(),
      /audience: teams is no person/,
    );
    const stages = { stages: ['blocked', 'readmitted'] };
    assert.match(
      problems(channel('pagerduty', { routingKey: env }, stages)).join(),
      /stages: pagerduty does not tell readmitted/,
    );
    const one = { driver: 'slack', name: 'ops', options: { url: env } };
    assert.match(problems({ channels: [one, one] }).join(), /channels\[1\]\.name: a second channel named ops/);
  });

  it('does not repeat a secret that was written into the file', () => {
    for (const wrong of [
      channel('slack', { url: 'https://hooks.slack.com/services/T0/S3CR3T' }),
      channel('pagerduty', { routingKey: 'S3CR3T' }),
      channel('webhook', { url: 'https://user:S3CR3T@h.example.net' }),
      channel('webhook', { url: 'https://h.example.net', signature: 'S3CR3T' }),
      channel('webhook', { url: 'https://h.example.net', headers: { Authorization: 'Bearer S3CR3T' } }),
      channel('command', { program: '/bin/true', env: { API_TOKEN: 'S3CR3T' } }),
    ]) {
      const said = problems(wrong).join();
      assert.match(said, /secret|password/, JSON.stringify(wrong));
      assert.doesNotMatch(said, /S3CR3T/);
    }
  });
});
