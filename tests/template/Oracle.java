// What Apache Velocity 1.7 and Jayway JsonPath answer: the other side of the differential test.
//
// Reads one JSON object per line, writes one per line. `{"template", "body"}` is rendered with the names
// that API Gateway puts into the context; `{"path", "body"}` is one JSONPath selection, printed as JSON.
// The answer is `{"ok": text}` or `{"error": message}`.
//
// Where API Gateway is known to differ from stock Velocity, this file makes Velocity do what API Gateway
// does (an undefined reference prints nothing, assigning null clears); what it cannot, the test leaves out.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.StringWriter;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import com.jayway.jsonpath.Configuration;
import com.jayway.jsonpath.InvalidPathException;
import com.jayway.jsonpath.JsonPath;
import com.jayway.jsonpath.PathNotFoundException;
import net.minidev.json.JSONArray;
import net.minidev.json.JSONObject;
import net.minidev.json.JSONStyle;
import net.minidev.json.JSONValue;
import org.apache.commons.lang.StringEscapeUtils;
import org.apache.velocity.VelocityContext;
import org.apache.velocity.app.VelocityEngine;
import org.apache.velocity.app.event.EventCartridge;
import org.apache.velocity.app.event.ReferenceInsertionEventHandler;

public final class Oracle {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, false, "UTF-8");
        String line;
        while ((line = lines.readLine()) != null) {
            JSONObject question = (JSONObject) JSONValue.parse(line);
            JSONObject answer = new JSONObject();
            try {
                String body = (String) question.get("body");
                Object path = question.get("path");
                answer.put("ok", path == null ? render((String) question.get("template"), body) : new Input(body).json((String) path));
            } catch (Throwable problem) {
                answer.put("error", problem.getClass().getSimpleName() + ": " + problem.getMessage());
            }
            out.println(answer.toJSONString(JSONStyle.LT_COMPRESS));
            out.flush();
        }
    }

    private static String render(String template, String body) throws Exception {
        // One engine per template: macros that a template defines must not be seen by the next.
        VelocityEngine engine = new VelocityEngine();
        engine.setProperty("runtime.log.logsystem.class", "org.apache.velocity.runtime.log.NullLogChute");
        engine.setProperty("directive.set.null.allowed", "true");
        engine.setProperty("velocimacro.library", "");
        engine.setProperty("velocimacro.permissions.allow.inline.local.scope", "true");
        engine.init();
        VelocityContext context = new VelocityContext();
        context.put("input", new Input(body));
        context.put("util", new Util());
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("stage", "prod");
        context.put("context", variables);
        Map<String, Object> stage = new LinkedHashMap<>();
        stage.put("env", "test");
        context.put("stageVariables", stage);
        EventCartridge cartridge = new EventCartridge();
        cartridge.addEventHandler(new ReferenceInsertionEventHandler() {
            @Override
            public Object referenceInsert(String reference, Object value) {
                return value == null ? "" : value;
            }
        });
        cartridge.attachToContext(context);
        StringWriter out = new StringWriter();
        engine.evaluate(context, out, "template", template);
        return out.toString();
    }

    public static final class Input {
        private final String body;

        Input(String body) {
            this.body = body;
        }

        public String getBody() {
            return body.isEmpty() ? "{}" : body;
        }

        public Object path(String path) {
            if (body.isEmpty()) {
                return null;
            }
            Object document = Configuration.defaultConfiguration().jsonProvider().parse(body);
            if (document instanceof Map || document instanceof List) {
                try {
                    return JsonPath.compile(path).read(document);
                } catch (PathNotFoundException missing) {
                    return null;
                }
            }
            return path.equals("$") ? document : null;
        }

        public String json(String path) {
            Object value = path(path);
            if (value == null) {
                return body.isEmpty() ? "{}" : "\"\"";
            }
            if (value instanceof Map) {
                return JSONObject.toJSONString((Map<String, ?>) value, JSONStyle.LT_COMPRESS);
            }
            if (value instanceof List) {
                return JSONArray.toJSONString((List<?>) value, JSONStyle.LT_COMPRESS);
            }
            return JSONValue.toJSONString(value, JSONStyle.LT_COMPRESS);
        }

        @Override
        public String toString() {
            return "{}";
        }
    }

    // API Gateway's functions take any value, by its text.
    public static final class Util {
        public String escapeJavaScript(Object value) {
            String text = String.valueOf(value);
            return text.isEmpty() ? "{}" : StringEscapeUtils.escapeJavaScript(text);
        }

        public Object parseJson(String text) {
            return Configuration.defaultConfiguration().jsonProvider().parse(text);
        }

        public String urlEncode(Object value) throws Exception {
            return value == null ? "" : URLEncoder.encode(value.toString(), "UTF-8");
        }

        public String urlDecode(Object value) throws Exception {
            return value == null ? null : URLDecoder.decode(value.toString(), "UTF-8");
        }

        public String base64Encode(Object value) {
            return value == null ? null : Base64.getEncoder().encodeToString(value.toString().getBytes(StandardCharsets.UTF_8));
        }

        public String base64Decode(Object value) {
            return value == null ? null : new String(Base64.getDecoder().decode(value.toString()), StandardCharsets.UTF_8);
        }

        @Override
        public String toString() {
            return "{}";
        }
    }
}
