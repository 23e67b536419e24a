import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.util.TimeZone;
import org.javarosa.core.model.CoreModelModule;
import org.javarosa.core.model.FormDef;
import org.javarosa.core.model.instance.InstanceInitializationFactory;
import org.javarosa.core.services.PrototypeManager;
import org.javarosa.model.xform.XFormSerializingVisitor;
import org.javarosa.model.xform.XFormsModule;
import org.javarosa.xform.util.XFormUtils;

/** Opens each form named on the command line as ODK Collect's engine does and prints the new submission, a line each. */
public class Fill {
    public static void main(String[] files) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        new XFormsModule().registerModule();
        PrototypeManager.registerPrototypes(CoreModelModule.classNames);
        for (String file : files) {
            FormDef form = XFormUtils.getFormFromInputStream(new FileInputStream(file));
            form.initialize(true, new InstanceInitializationFactory());
            byte[] xml = new XFormSerializingVisitor().serializeInstance(form.getInstance());
            String line = new String(xml, StandardCharsets.UTF_8).replace("\r", "").replace("\n", "");
            System.out.println("FILLED\t" + line);
        }
    }
}
