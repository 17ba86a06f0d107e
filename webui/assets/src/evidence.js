// The analyst's charts: each [data-chart] holds what webui/evidence_charts.py says, drawn as SVG by ECharts. The same numbers stand in the
// table beside it, so a chart is an image with a name; patterns tell the series apart without colour.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([BarChart, LineChart, AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, SVGRenderer]);

const NUMBER = new Intl.NumberFormat(document.documentElement.lang || "id", { maximumFractionDigits: 1 });
const UNITS = { minutes: (n) => `${NUMBER.format(n)} min`, percent: (n) => `${NUMBER.format(n)}%`, count: (n) => NUMBER.format(n) };
const ROW = 46; // pixels of a bar's row
const drawn = new Map();

// A colour of the theme as ECharts can read it: oklch() and light-dark() are the browser's.
function colour(name) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.className = `chart-ink chart-ink-${name}`;
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d");
  canvas.fillStyle = getComputedStyle(probe).color;
  canvas.fillRect(0, 0, 1, 1);
  probe.remove();
  return `rgb(${[...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)].join(",")})`;
}

function options(spec, label, room) {
  const [ink, soft, line, ...series] = ["ink", "soft", "line", "first", "second", "third"].map(colour);
  const text = { color: ink, fontFamily: getComputedStyle(document.body).fontFamily, fontSize: 12 };
  const show = UNITS[spec.unit];
  const isBar = spec.type === "bar";
  const isTwoLines = room < 500 && spec.series.map(({ name }) => name).join().length > 40; // the legend
  const names = { type: "category", data: spec.labels, inverse: isBar, axisLabel: { ...text, width: isBar ? (room < 500 ? 120 : 220) : 80, overflow: isBar ? "truncate" : "none", interval: isBar ? 0 : "auto" },
    axisLine: { lineStyle: { color: line } }, axisTick: { show: false } };
  const values = { type: "value", max: spec.most, minInterval: spec.unit === "count" ? 1 : undefined, axisLabel: { ...text, formatter: show, hideOverlap: true }, splitLine: { lineStyle: { color: line } } };
  const mark = spec.line ? { silent: true, symbol: "none", lineStyle: { color: ink, type: "solid", width: 2 }, label: { ...text, show: true, formatter: spec.mark, position: isBar ? "start" : "insideEndTop" },
    data: [isBar ? { xAxis: spec.line } : { yAxis: spec.line }] } : undefined;
  return {
    animation: false,
    color: series,
    textStyle: text,
    aria: { enabled: true, label: { description: label }, decal: { show: spec.series.length > 1 && isBar } },
    grid: { left: 8, right: 28, top: spec.series.length > 1 ? (spec.line ? 52 : 36) + (isTwoLines ? 22 : 0) : 12, bottom: 8, containLabel: true },
    legend: spec.series.length > 1 ? { top: 0, textStyle: text, data: spec.series.map(({ name }) => name) } : undefined,
    tooltip: { trigger: "axis", axisPointer: { type: isBar ? "shadow" : "line" }, valueFormatter: (n) => (n == null ? "–" : show(n)), renderMode: "richText" },
    xAxis: isBar ? values : names,
    yAxis: isBar ? names : values,
    series: spec.series.map(({ name, values: data, stack, urls }, n) => ({
      name, data, stack, type: spec.type, cursor: spec.urls || urls ? "pointer" : "default", barMaxWidth: 18,
      symbol: n ? "diamond" : "circle", symbolSize: 7, lineStyle: { width: 2, type: n ? "dashed" : "solid" },
      label: { show: isBar && !stack && spec.series.length === 1, position: "right", color: soft, formatter: ({ value }) => (value == null ? "" : show(value)) },
      markLine: n ? undefined : mark,
    })),
  };
}

function draw(target) {
  const spec = JSON.parse(target.dataset.chart);
  target.dataset.rows = Math.min(16, spec.type === "bar" ? Math.max(3, spec.labels.length) : 6);
  const chart = drawn.get(target) ?? echarts.init(target, null, { renderer: "svg", height: spec.type === "bar" ? 60 + ROW * Math.max(2, spec.labels.length) * (spec.series.length > 1 && !spec.series[0].stack ? 1 : 0.75) : 260 });
  chart.setOption(options(spec, target.dataset.label, target.clientWidth), true);
  if (!drawn.has(target)) {
    drawn.set(target, chart);
    chart.on("click", ({ seriesIndex, dataIndex }) => {
      const url = (spec.series[seriesIndex].urls ?? spec.urls)?.[dataIndex];
      if (url) location.assign(url);
    });
    new ResizeObserver(() => chart.resize()).observe(target);
  }
  target.setAttribute("role", "img");
  target.dataset.ready = "";
}

const all = () => document.querySelectorAll("[data-chart]").forEach(draw);
all();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
