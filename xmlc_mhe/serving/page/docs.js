"use strict";
// Shows openapi.json: each route with its fields and answers.

const element = (tag, text, ...children) => {
  const made = document.createElement(tag);
  made.textContent = text;
  made.append(...children);
  return made;
};

function fieldsOf({parameters = [], requestBody}) {
  const rows = parameters.map(({name, in: place, description = "", schema}) => [name, place, schema.type, description]);
  for (const [type, {schema}] of Object.entries(requestBody?.content ?? {})) {
    const {properties, required = []} = schema.type === "array" ? schema.items : schema;
    for (const [name, field] of Object.entries(properties)) {
      const kind = field.type + (required.includes(name) ? "" : " (optional)");
      rows.push([name, type.includes("json") ? "JSON" : "form", kind, field.description ?? ""]);
    }
  }
  return rows;
}

async function start() {
  const {paths} = await (await fetch("openapi.json")).json();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const rows = fieldsOf(route).map((cells) => element("tr", "", ...cells.map((cell) => element("td", cell))));
      const codes = Object.entries(route.responses).map(([code, {description}]) => `${code} ${description}`);
      document.getElementById("routes").append(element("section", "", element("h2", `${method.toUpperCase()} ${path}`),
        element("p", route.summary), element("table", "", ...rows), element("p", `Answers: ${codes.join("; ")}.`)));
    }
  }
}
start();
