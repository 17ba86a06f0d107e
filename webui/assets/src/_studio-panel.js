// What the properties panel asks for in an office's words: mutu baku and SOP identity as fields, lanes and tasks tied to the
// office's groups, a task's form out of the draft's. Groups for what Terbit does not run (listeners, Java) are left out.
import { CheckboxEntry, Group, SelectEntry, TextAreaEntry, TextFieldEntry, isSelectEntryEdited, isTextAreaEntryEdited, isTextFieldEntryEdited } from "@bpmn-io/properties-panel";
import { h } from "@bpmn-io/properties-panel/preact";
import { useService } from "bpmn-js-properties-panel";
import { is } from "bpmn-js/lib/util/ModelUtil";
import { groups as officeGroups, words } from "./lib/studio.js";

const NOT_RUN = new Set(["AsynchronousContinuations", "JobExecution", "FieldInjection", "HistoryCleanup", "Tasklist", "ExecutionListener", "TaskListener",
  "ConnectorInput", "ConnectorOutput", "FormData", "ProcessVariables"].map((name) => `CamundaPlatform__${name}`));
const ACTIVITIES = ["bpmn:Task", "bpmn:CallActivity"];
const MUTU_BAKU = [["langkah", TextFieldEntry], ["kelengkapan", TextAreaEntry], ["waktu", TextFieldEntry], ["output", TextAreaEntry], ["keterangan", TextAreaEntry]];
const IDENTITY = ["nomor", "tanggal_pembuatan", "tanggal_revisi", "tanggal_efektif", "tanggal_pengesahan", "disahkan_jabatan", "disahkan_nama", "disahkan_nip", "unit"];
const IDENTITY_LONG = ["dasar_hukum", "keterkaitan", "peringatan", "kualifikasi_pelaksana", "peralatan", "pencatatan"];
const LISTS = ["label", "cari", "business_key_prefix"];
export const OF_TEMPLATE = "terbit.kegiatan-sop"; // whose own fields are these

// camunda:properties --------------------------------------------------------------------------------------------------

const holder = (bo) => bo.extensionElements?.values?.find((each) => each.$type === "camunda:Properties");
export const property = (bo, name) => holder(bo)?.values?.find((each) => each.name === name);
const valueOf = (bo, name) => property(bo, name)?.value ?? "";

function setProperty(injector, element, bo, name, value) {
  const factory = injector.get("bpmnFactory");
  const commands = [];
  const update = (moddleElement, properties) => commands.push({ cmd: "element.updateModdleProperties", context: { element, moddleElement, properties } });
  const make = (type, attributes, parent) => Object.assign(factory.create(type, attributes), { $parent: parent });
  let extension = bo.extensionElements;
  if (!extension) {
    extension = make("bpmn:ExtensionElements", { values: [] }, bo);
    update(bo, { extensionElements: extension });
  }
  let list = holder(bo);
  if (!list) {
    list = make("camunda:Properties", { values: [] }, extension);
    update(extension, { values: [...(extension.values ?? []), list] });
  }
  const there = property(bo, name);
  if (there && value) update(there, { value });
  else if (there) update(list, { values: list.values.filter((each) => each !== there) });
  else if (value) update(list, { values: [...(list.values ?? []), make("camunda:Property", { name, value }, list)] });
  else return;
  injector.get("commandStack").execute("properties-panel.multi-command-executor", commands);
}

// A duration in an office's words and back: PT5H, "5 jam"; P1DT2H, "1 hari 2 jam". What is neither is kept as it is written.
export function inWords(iso) {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(iso ?? "");
  if (!found || iso === "P") return iso ?? "";
  return [[found[1], words.hari], [found[2], words.jam], [found[3], words.menit]].filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

export function duration(text) {
  const found = /^\s*(?:(\d+)\s*(?:hari|days?|d))?\s*(?:(\d+)\s*(?:jam|hours?|h))?\s*(?:(\d+)\s*(?:menit|minutes?|min|m))?\s*$/i.exec(text);
  if (!found || !text.trim()) return text.trim();
  const [, days, hours, minutes] = found;
  return `P${days ? `${days}D` : ""}${hours || minutes ? "T" : ""}${hours ? `${hours}H` : ""}${minutes ? `${minutes}M` : ""}`;
}

const isDuration = (text) => !text || /^P(?!$)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?)?$/.test(text) || text.includes("{");

// Entries -------------------------------------------------------------------------------------------------------------

const processOf = (element) => (is(element, "bpmn:Participant") ? element.businessObject.processRef : is(element, "bpmn:Process") ? element.businessObject : null);

function PropertyEntry({ element, id, name, of, component }) {
  const injector = useService("injector");
  const bo = of === "process" ? processOf(element) : element.businessObject;
  const isTime = name === "waktu";
  return h(component, {
    element, id, label: words[name], debounce: useService("debounceInput"),
    description: isTime ? words.waktuHelp : undefined,
    getValue: () => (isTime ? inWords(valueOf(bo, name)) : valueOf(bo, name)),
    setValue: (value) => setProperty(injector, element, bo, name, isTime ? duration(value ?? "") : (value ?? "")),
    validate: isTime ? (value) => (isDuration(duration(value ?? "")) ? undefined : words.waktuWrong) : undefined,
  });
}

function ExtendableEntry({ element, id }) {
  const injector = useService("injector");
  return h(CheckboxEntry, {
    element, id, label: words.extendable,
    getValue: () => valueOf(element.businessObject, "dapat_diperpanjang") === "true",
    setValue: (value) => setProperty(injector, element, element.businessObject, "dapat_diperpanjang", value ? "true" : ""),
  });
}

const named = (id) => officeGroups.find((group) => group.id === id)?.name ?? id;
const options = (value, first) => [...first, ...officeGroups.map(({ id, name }) => ({ value: id, label: name })),
  ...(value && !officeGroups.some(({ id }) => id === value) ? [{ value, label: words.other.replace("{value}", value) }] : [])];

// As bpmn.model reads it: the property `group`, else the lane's id with - for _.
const groupOfLane = (bo) => valueOf(bo, "group") || (bo.id ?? "").replaceAll("_", "-");

function laneOf(element) {
  for (let each = element; each; each = each.parent) {
    const bo = each.businessObject;
    const lanes = each.parent?.businessObject && processOf(each.parent)?.laneSets;
    const found = (lanes ?? bo?.$parent?.laneSets ?? []).flatMap(leaves).find((lane) => lane.flowNodeRef?.includes(bo));
    if (found) return found;
  }
  return null;
}

const leaves = (laneSet) => (laneSet.lanes ?? []).flatMap((lane) => (lane.childLaneSet ? leaves(lane.childLaneSet) : [lane]));

function LaneGroupEntry({ element, id }) {
  const injector = useService("injector");
  const bo = element.businessObject;
  return h(SelectEntry, {
    element, id, label: words.laneGroup, description: words.laneHelp,
    getValue: () => groupOfLane(bo),
    setValue: (value) => setProperty(injector, element, bo, "group", value),
    getOptions: () => options(groupOfLane(bo), []),
    validate: (value) => (officeGroups.some((group) => group.id === value) ? undefined : words.noGroup.replace("{group}", value)),
  });
}

function TaskGroupEntry({ element, id }) {
  const modeling = useService("modeling");
  const lane = laneOf(element);
  const value = () => element.businessObject.get("camunda:candidateGroups") ?? "";
  return h(SelectEntry, {
    element, id, label: words.taskGroup,
    getValue: value,
    setValue: (chosen) => modeling.updateProperties(element, { "camunda:candidateGroups": chosen || undefined }),
    getOptions: () => options(value(), [{ value: "", label: words.fromLane.replace("{group}", lane ? named(groupOfLane(lane)) : words.noLane) }]),
  });
}

function TaskFormEntry({ element, id, forms }) {
  const modeling = useService("modeling");
  const value = () => element.businessObject.get("camunda:formRef") ?? "";
  const unknown = value() && !forms.some((form) => form.id === value()) ? [{ value: value(), label: words.other.replace("{value}", value()) }] : [];
  return h(SelectEntry, {
    element, id, label: words.taskForm,
    getValue: value,
    setValue: (chosen) => modeling.updateProperties(element, {
      "camunda:formRef": chosen || undefined, "camunda:formRefBinding": chosen ? "deployment" : undefined }), // a form key goes by itself
    getOptions: () => [{ value: "", label: words.noForm }, ...forms.map((form) => ({ value: form.id, label: form.id })), ...unknown],
  });
}

function FormLinkEntry({ element, forms, newForm }) {
  const form = forms.find((each) => each.id === element.businessObject.get("camunda:formRef"));
  return h("p", { class: "bio-properties-panel-entry studio-links" }, form && h("a", { href: form.url }, words.openForm), h("a", { href: newForm }, words.newForm));
}

// The provider --------------------------------------------------------------------------------------------------------

const group = (id, label, entries, more = {}) => ({ id: `terbit-${id}`, label, component: Group, entries, ...more });
const entry = (id, component, isEdited) => ({ id: `terbit-${id}`, component, ...(isEdited && { isEdited }) });

// What draws an entry is made once: a new function would be a new field, and take the cursor away while somebody types.
function field(name, component, of) {
  const isEdited = component === TextAreaEntry ? isTextAreaEntryEdited : isTextFieldEntryEdited;
  return entry(name, (props) => PropertyEntry({ ...props, name, of, component }), isEdited);
}

const LANE = [entry("lane-group", LaneGroupEntry, isSelectEntryEdited)];
const WHO = [entry("task-group", TaskGroupEntry, isSelectEntryEdited)];
const STANDARD = [...MUTU_BAKU.map(([name, component]) => field(name, component)), entry("extendable", ExtendableEntry)];
const IDENTITY_FIELDS = [...IDENTITY.map((name) => field(name, TextFieldEntry, "process")), ...IDENTITY_LONG.map((name) => field(name, TextAreaEntry, "process"))];
const LIST_FIELDS = LISTS.map((name) => field(name, TextFieldEntry, "process"));

function groupsOf(element, form) {
  const bo = element.businessObject;
  const found = [];
  if (is(element, "bpmn:Lane")) found.push(group("lane", words.who, LANE, { shouldOpen: true }));
  if (is(element, "bpmn:UserTask") || is(element, "bpmn:ManualTask")) {
    found.push(group("who", words.who, WHO, { shouldOpen: true }), group("form", words.taskForm, form));
  }
  if (ACTIVITIES.some((type) => is(element, type)) && bo.get("camunda:modelerTemplate") !== OF_TEMPLATE) {
    found.push(group("mutu-baku", words.mutuBaku, STANDARD, { shouldOpen: true }));
  }
  if (processOf(element)) found.push(group("identity", words.identity, IDENTITY_FIELDS), group("lists", words.caseLists, LIST_FIELDS));
  return found;
}

// `forms()`: the draft's forms; `newForm`: where one is made.
export function panel({ forms, newForm }) {
  const form = [entry("task-form", (props) => TaskFormEntry({ ...props, forms: forms() }), isSelectEntryEdited),
    entry("form-link", (props) => FormLinkEntry({ ...props, forms: forms(), newForm }))];
  function OfficeProperties(propertiesPanel) {
    propertiesPanel.registerProvider(200, {
      getGroups: (element) => (there) => {
        const kept = there.filter((each) => !NOT_RUN.has(each.id));
        const first = kept.findIndex((each) => each.id === "general" || each.id?.startsWith("ElementTemplates")) + 1;
        return [...kept.slice(0, first), ...groupsOf(element, form), ...kept.slice(first)];
      },
    });
  }
  OfficeProperties.$inject = ["propertiesPanel"];
  return { __init__: ["officeProperties"], officeProperties: ["type", OfficeProperties] };
}
