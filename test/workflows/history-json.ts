// Histories as proto3 JSON, which every tool of Temporal reads (the UI's download, `temporal workflow show`). As the SDK's own
// historyToJSON and historyFromJSON, which refuse all where npm installs protobufjs more than once ("type must be a Type"): here
// the converter comes from the very copy that Temporal's types were made with.
import { createRequire } from 'node:module';
import type { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';

export type History = ReturnType<typeof historyFromJSON>;

interface Converter {
  toJson(type: unknown, message: unknown): unknown;
  fromJson(type: unknown, json: unknown, options: { ignoreUnknownFields: boolean }): unknown;
}

const ofCommon = createRequire(createRequire(import.meta.url).resolve('@temporalio/common'));
const ofProto = createRequire(ofCommon.resolve('@temporalio/proto'));
const { toJson, fromJson } = ofProto('protobufjs/ext/protojson') as Converter;
const { patchProtobufRoot } = ofCommon('@temporalio/proto/lib/patch-protobuf-root') as {
  patchProtobufRoot(root: unknown): { lookupType(name: string): { fromObject(o: unknown): unknown } };
};
const type = patchProtobufRoot(ofCommon('@temporalio/proto')).lookupType('temporal.api.history.v1.History');

export interface HistoryJson {
  events: HistoryEventJson[];
}
export type HistoryEventJson = { eventId: string; eventType: string } & Record<string, unknown>;

export const toHistoryJson = (history: History): HistoryJson => toJson(type, type.fromObject(history)) as HistoryJson;

export const fromHistoryJson = (json: HistoryJson): History =>
  fromJson(type, json, { ignoreUnknownFields: true }) as History;
